"""What runs in the worker's process: one module a library, imported there and nowhere else.

Each function takes an open binary file and gives plain JSON. An exception of the library that tells something of the
file becomes part of the answer; any other ends as `WorkerCrashed`.
"""
