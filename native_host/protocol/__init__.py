"""The wire without I/O: bytes in, events out. PROTOCOL.md is its description in prose.

Nothing here reads, writes, waits or looks at the environment, so every edge of it is tested by passing bytes.
"""
