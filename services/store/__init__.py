"""Keeps everything in one SQLite file; rows and SQL never leave this package."""
