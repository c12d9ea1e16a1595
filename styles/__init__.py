"""Style sheets of the screen."""
