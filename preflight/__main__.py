"""`python -m preflight`, and the `preflight` command."""

from __future__ import annotations

import gc
import os


def main() -> None:
    """Load the command line and run it. It ends the process."""
    gc.disable()  # until everything is loaded: none of it is garbage
    try:
        from preflight.interrupts import exiting_on_ctrl_c

        with exiting_on_ctrl_c():
            from preflight.cli import main as run
    except KeyboardInterrupt:
        os._exit(130)
    run()


if __name__ == "__main__":
    main()
