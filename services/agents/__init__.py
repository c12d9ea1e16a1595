"""The four agents, their tools, and the two ways a stage works."""
