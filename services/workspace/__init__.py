"""What happens to the files of a workspace."""
