"""Test the corpus of real files in the folder PREFLIGHT_CORPUS: its `manifest.jsonl` and `files/`."""
