"""Errors of requests to a sidecar become one line, without the credentials of its URL."""

from __future__ import annotations

import pytest
from aiohttp import ClientConnectionError, InvalidURL

from proxy.cli.command import CommandError
from proxy.cli.http_client import connection_errors

BASE = "http://user:canary@127.0.0.1:1"


@pytest.mark.parametrize(
    ("error", "message", "exit_code"),
    [
        (TimeoutError(), "http://127.0.0.1:1/v1/models did not respond within 2 s", 1),
        (InvalidURL(BASE), "'http://127.0.0.1:1' is not a URL such as http://127.0.0.1:8090", 2),
        (
            ClientConnectionError(f"closed {BASE}"),
            "cannot connect to http://127.0.0.1:1/v1/models: closed http://127.0.0.1:1",
            1,
        ),
    ],
)
def test_an_error_is_one_line_without_credentials(error: Exception, message: str, exit_code: int) -> None:
    with pytest.raises(CommandError) as caught, connection_errors(BASE, f"{BASE}/v1/models", 2.0):
        raise error
    assert (str(caught.value), caught.value.exit_code) == (message, exit_code)
