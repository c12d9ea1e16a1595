"""What is asked of a person, and who is there to answer."""
