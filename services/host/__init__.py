"""The host: whoever holds the data directory runs the orchestrator and answers here."""
