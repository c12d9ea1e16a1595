"""Reports about runs: one model, and what is made of it."""
