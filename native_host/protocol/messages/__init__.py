"""The message schema: pydantic models of every request, event and result.

The one source of PROTOCOL.md's tables and of the extension's TypeScript types (``make types``).
Sizes are bytes, lengths are tokens, times are milliseconds unless the name ends in ``_s``.
"""
