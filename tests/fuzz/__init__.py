"""Mutated fixtures: whatever the bytes, every file has its report, soon, and it is one that can be written."""
