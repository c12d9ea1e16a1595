"""Presentation: the command line, the screen, and the composition root."""
