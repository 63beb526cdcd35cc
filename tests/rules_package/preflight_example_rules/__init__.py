"""Rule sets for preflight: the TOML files beside this module. It is never imported."""

raise ImportError("Rule files are data.")
