"""The TabAgent application: protocol, use cases, transports, and the processes built from them."""

__version__ = "0.1.0"
