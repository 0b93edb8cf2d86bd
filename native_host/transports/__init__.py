"""I/O adapters over the same service: stdio to the browser, the broker's local socket, pipes to the workers."""
