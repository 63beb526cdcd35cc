"""Integrations with pytest, pydantic, FastAPI and Django. Each is loaded when it is used."""
