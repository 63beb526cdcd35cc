"""Tests over the corpus of real files whose folder PREFLIGHT_CORPUS names: its `manifest.jsonl` and `files/`."""
