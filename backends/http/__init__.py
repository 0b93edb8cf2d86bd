"""What engines in front of a server have in common: requests, event streams, errors, OpenAI's dialect."""
