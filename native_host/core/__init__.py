"""Use cases on typed messages. Nothing here knows a pipe, a socket or a browser."""
