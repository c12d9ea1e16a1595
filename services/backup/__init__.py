"""Backups of the whole data directory, made while it is in use, and how they are restored."""
