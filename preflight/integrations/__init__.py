"""preflight where media are already at home: pytest, pydantic, FastAPI, Django. Each is loaded when it is used."""
