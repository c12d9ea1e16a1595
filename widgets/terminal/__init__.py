"""The output pane: a view over a growing file."""
