"""The fixtures of the sources, for the tests of what is under them: a hostile server, and sources over its paths."""

from tests.sources.conftest import fake_time, open_url, server, twins

__all__ = ["fake_time", "open_url", "server", "twins"]
