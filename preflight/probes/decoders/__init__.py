"""Tasks for the worker process: one module a library, which is imported only there.

Each function takes an open binary file and returns plain JSON. An exception of the library that says something about
the file becomes part of the result; any other ends as `WorkerCrashed`.
"""
