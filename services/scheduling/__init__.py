"""Schedules: when tasks are due, and the loop that starts them (SPEC T4)."""
