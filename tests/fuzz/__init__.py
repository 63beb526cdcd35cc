"""Mutated fixtures: whatever the bytes, every file is reported quickly, and the report can be written."""
