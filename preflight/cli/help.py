"""What the help of several commands says in the same words."""

from __future__ import annotations

from typing import Final

EXIT_CODES: Final = """\b
Exit code:
  0    everything passes; warnings and notes do not matter without --strict
  1    something fails, even if something else is unknown
  2    something is unknown or unreachable, or the call is wrong
  130  interrupted by Ctrl-C
  141  whoever read the output has gone (| head)
"""
"""Of `check`, and so of the program."""

READ_CODES: Final = """\b
Exit code:
  0    every TARGET could be read
  2    one could not, or the call is wrong
  130  interrupted by Ctrl-C
"""

CALL_CODES: Final = """\b
Exit code:
  0    done
  2    a rule file or the call is wrong; the message names what, and what to write instead
"""
"""Of what judges no media."""

SUBMIT_CODES: Final = """\b
Exit code:
  0    every file is registered, and active where that was waited for
  1    a file was rejected or failed
  2    the outcome of one is unknown or still open, or the call is wrong
  130  interrupted by Ctrl-C; the same command goes on
"""

SANDBOX_CODES: Final = """\b
Exit code:
  0    ended by SIGTERM
  2    the call is wrong, or the port is taken
  130  ended by Ctrl-C
"""

ASSETS_CODES: Final = """\b
Exit code:
  0    done
  1    an asset failed, or a person was not verified
  2    something is still open or unknown, a call did not succeed, or the call is wrong
  130  interrupted by Ctrl-C; nothing is lost
"""
