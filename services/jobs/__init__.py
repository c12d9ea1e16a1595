"""Supervised work: output files, processes and what marks them."""
