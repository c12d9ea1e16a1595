"""Views: they take view models and post messages."""
