"""The HTTP stack under sources and providers: URLs, addresses, connections, requests and responses."""
