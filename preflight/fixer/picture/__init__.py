"""Change one picture in a process that may be killed: `task` decodes it once, changes it and encodes it."""
