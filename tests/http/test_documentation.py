"""The schema that is checked in is the one that is served; the page needs the token and loads nothing foreign."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from tabagent_harness.http_process import HttpProcess
from tests.http.openapi_file import text

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_schema_is_checked_in(http: HttpProcess) -> None:
    assert FILE.read_text() == text(), "run: python -m tests.http.openapi_file > docs/openapi.json"
    assert http.client.get("/openapi.json").json()["paths"]


def test_every_route_but_one_needs_the_token(http: HttpProcess) -> None:
    """Row T19."""
    schema = http.client.get("/openapi.json").json()
    hidden = [
        ("get", path) for path in ("/docs", "/docs/start.js", "/docs/assets/swagger-ui.css", "/openapi.json", "/x")
    ]
    routes = [(method, path) for path, methods in schema["paths"].items() for method in methods] + hidden
    assert len(routes) > 40
    for method, path in routes:
        json = {} if method != "get" else None
        answer = http.client.request(method.upper(), path, json=json, headers={"Authorization": ""})
        assert answer.status_code == (200 if path == "/healthz" else 401), path


def test_a_person_opens_it_with_the_token_as_password(http: HttpProcess) -> None:
    secret = base64.b64encode(f"me:{http.token}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}"}
    page = http.client.get("/docs", headers=headers)
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3
    for address in loaded:
        assert address.startswith("/docs/")
        assert http.client.get(address, headers=headers).status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert http.client.get("/docs/assets/../../pyproject.toml", headers=http.headers).status_code == 404
    stranger = http.client.get("/docs", headers={"Authorization": "Basic bWU6d3Jvbmc="})
    assert stranger.headers["www-authenticate"].startswith("Basic")
