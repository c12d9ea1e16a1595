"""The core of Foredeck: everything that works without a terminal."""
