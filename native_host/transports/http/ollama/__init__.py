"""Ollama's dialect under ``/api``, so that what is made for Ollama needs another address and a token, and no more.

Source: <https://github.com/ollama/ollama/blob/main/docs/api.md>
"""

from fastapi import APIRouter

from native_host.transports.http.ollama import answers, embeddings, models, pull
from native_host.transports.http.service import Service

__all__ = ["routes"]


def routes(service: Service) -> list[APIRouter]:
    """The routes."""
    return [part.routes(service) for part in (models, answers, embeddings, pull)]
