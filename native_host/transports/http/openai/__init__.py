"""OpenAI's dialect under ``/v1``: a file per route.

Source: <https://platform.openai.com/docs/api-reference>
"""

from fastapi import APIRouter

from native_host.transports.http.openai import chat, completions, embeddings, models, rerank, responses
from native_host.transports.http.service import Service

__all__ = ["routes"]


def routes(service: Service) -> list[APIRouter]:
    """The routes."""
    return [part.routes(service) for part in (models, chat, completions, responses, embeddings, rerank)]
