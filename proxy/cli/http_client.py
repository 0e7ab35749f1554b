"""Turns the errors of requests to a sidecar into those of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientConnectorError, ClientError, InvalidURL

from proxy.cli.command import CommandError, error_reason, strip_userinfo


@contextmanager
def connection_errors(base_url: str, requested_url: str, timeout_s: float) -> Iterator[None]:
    """Raise CommandError for every failure to get a response from a URL below `base_url`, without its credentials."""
    shown = strip_userinfo(requested_url)
    try:
        yield
    except TimeoutError as error:
        raise CommandError(f"{shown} did not respond within {timeout_s:g} s") from error
    except ClientConnectorError as error:
        raise CommandError(f"cannot connect to {shown}: {error_reason(error.os_error)}") from error
    except InvalidURL as error:
        base = strip_userinfo(base_url)
        raise CommandError(f"'{base}' is not a URL such as http://127.0.0.1:8090", exit_code=2) from error
    except ClientError as error:
        raise CommandError(f"cannot connect to {shown}: {strip_userinfo(str(error))}") from error
