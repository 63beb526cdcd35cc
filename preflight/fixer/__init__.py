"""Apply a plan to a file, prove the result, and rename it into place."""
