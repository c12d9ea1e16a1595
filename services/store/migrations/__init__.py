"""Numbered migrations: each takes the database from one version to the next."""
