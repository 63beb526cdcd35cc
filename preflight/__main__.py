"""`python -m preflight`, and the `preflight` command."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Load the command line and run it. It ends the process."""
    gc.disable()  # until everything is loaded: none of it is garbage
    try:
        from preflight.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)  # nothing has started
    run()


if __name__ == "__main__":
    main()
