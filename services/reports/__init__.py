"""Reports about runs, as files."""
