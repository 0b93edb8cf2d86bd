"""What engines in Python that write text have in common: tokens, stop sequences, streams."""
