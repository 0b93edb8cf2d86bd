"""Engines behind one contract. A folder per engine: a descriptor (data) and an engine (behaviour).

Importing this package, ``contract`` or ``registry`` loads no engine: an engine is imported only inside its worker.
"""
