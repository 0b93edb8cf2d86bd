"""Servers for the tests: fakes that follow the documented interfaces and misbehave on order, and real ones."""
