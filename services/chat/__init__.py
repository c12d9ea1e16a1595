"""Conversations of a person with one agent, about a project or a run."""
