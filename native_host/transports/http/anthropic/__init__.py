"""Anthropic's dialect: ``/v1/messages``. Its models are at ``/v1/models``, with OpenAI's.

Source: <https://docs.anthropic.com/en/api/messages>
"""

from native_host.transports.http.anthropic.messages import routes

__all__ = ["routes"]
