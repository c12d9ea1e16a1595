"""Tasks: saved prompt templates and the runs that are made from them."""
