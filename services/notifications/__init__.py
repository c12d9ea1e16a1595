"""Telling people what happened while they do not look."""
