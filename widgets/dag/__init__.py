"""The graph of a run: layered layout and its view."""
