"""`parrot health`: asks a running sidecar whether it is ready, for the health check of a container."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import SplitResult, urlsplit

from proxy.cli.command import Command, CommandError, error_reason

_DESCRIPTION = "Ask the admin listener of a running sidecar for its readiness. Exit code: 0 ready, 1 not ready."
_TIMEOUT_S = 2.0
_MAX_BYTES = 64 * 1024


def _add_arguments(parser: ArgumentParser) -> None:
    default = "http://127.0.0.1:9464"
    parser.add_argument("--url", type=_parse_url, default=default, help=f"admin listener (default: {default})")


def _parse_url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        if url.scheme == "http" and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise ArgumentTypeError(f"expected http://HOST:PORT, got '{text}'")


def _run(arguments: Namespace) -> int:
    status, answer = _ask(arguments.url)
    state = answer.get("status") if isinstance(answer, dict) else None
    if state is None:
        raise CommandError(f"{_address(arguments.url)} responded {status}: not the admin listener of a sidecar")
    if status != 200:
        raise CommandError(f"not ready: {state}")
    print(state)
    return 0


def _ask(url: SplitResult) -> tuple[int, Any]:
    """Return status and JSON body of /readyz, None if it is not JSON. Raises CommandError if there is no response."""
    connection = HTTPConnection(url.hostname or "", url.port or 80, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, _parse(response.read(_MAX_BYTES))
    except (OSError, HTTPException) as error:
        reason = error_reason(error) if isinstance(error, OSError) else "it does not speak HTTP"
        raise CommandError(f"cannot reach {_address(url)}: {reason}") from error
    finally:
        connection.close()


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _address(url: SplitResult) -> str:
    return f"http://{url.netloc.rpartition('@')[2]}"


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
