"""The codex program: found, started, spoken to, understood."""
