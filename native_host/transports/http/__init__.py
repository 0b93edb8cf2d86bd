"""HTTP for programs that speak OpenAI's, Ollama's or Anthropic's dialect: a process of its own, off unless asked for.

It is one more client of the broker: each HTTP request becomes a request of the protocol, so every action, limit and
error code is the same as over native messaging. The broker parses no HTTP, and with HTTP off nothing listens.

    guard     who may ask at all, before any route is looked up
    own, openai, ollama, anthropic     the dialects: shapes, translation, routes
"""
