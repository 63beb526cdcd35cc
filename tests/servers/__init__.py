"""Real servers on loopback, for the tests of everything that goes over the network."""
