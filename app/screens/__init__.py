"""Screens: the only parts of the interface that talk to the host."""
