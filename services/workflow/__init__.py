"""Workflows: their definition, the pure logic of their graph, and the orchestrator."""
