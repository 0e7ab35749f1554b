"""`parrot explain`: who would serve a request, in which order, and why; from a file, or by a running sidecar."""

from __future__ import annotations

import asyncio
import os
import shutil
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import orjson
from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, InvalidURL
from multidict import CIMultiDict

from proxy.cli import file
from proxy.cli.command import Command, CommandError, error_reason, strip_userinfo
from proxy.cli.table import format_decision
from proxy.errors import ParrotError
from proxy.routing.decision import decide
from proxy.routing.dry_run import build_routing_request, explanation
from proxy.routing.facts import parse_json_object
from proxy.routing.policy import extract_control_headers
from proxy.sandbox.adapt import adapt_snapshot
from proxy.telemetry.signals import Signals

TIMEOUT_S = 10.0
"""Seconds a running sidecar may take."""

_DESCRIPTION = """Shows the plan for a request without calling anybody. From a file, nothing is known of how the
providers are doing; a running sidecar knows. A key for the sidecar is read from PARROT_API_KEY."""


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable():
        raise ArgumentTypeError("expected NAME: VALUE, such as 'X-Data-Residency: EU'")
    return name.strip(), value.strip()


def _arguments(parser: ArgumentParser) -> None:
    file.add_config_argument(parser)
    parser.add_argument("--model", help="instead of the request's own; needed without --request")
    parser.add_argument(
        "-H", "--header", type=_header, action="append", default=[], help="'X-Data-Residency: EU'; repeatable"
    )
    parser.add_argument("--request", metavar="FILE", help="the body of a chat request; default: one short message")
    parser.add_argument("--sandbox", action="store_true", help="as `serve --sandbox`: every provider has its key")
    parser.add_argument("--url", help="ask the sidecar that runs there, such as http://127.0.0.1:8090")
    parser.add_argument("--json", action="store_true", help="the decision as JSON")


def _run(arguments: Namespace) -> int:
    try:
        explanation = _explanation(arguments)
    except ParrotError as error:
        raise CommandError(error.message) from error
    if arguments.json:
        print(orjson.dumps(explanation, option=orjson.OPT_INDENT_2).decode())
    else:
        print(format_decision(explanation, shutil.get_terminal_size().columns))
    return 0


def _explanation(arguments: Namespace) -> Any:
    body, headers = _body(arguments), CIMultiDict(arguments.header)
    if arguments.url:
        return asyncio.run(_fetch(arguments.url, body, headers))
    return _decide_from_file(arguments, body, headers)


def _body(arguments: Namespace) -> dict[str, Any]:
    if not (arguments.request or arguments.model):
        raise CommandError("which model? name it with --model, or give a --request", exit_code=2)
    short = {"messages": [{"role": "user", "content": "Hello"}]}
    body = parse_json_object(file.read_file(arguments.request).encode()) if arguments.request else short
    return {**body, "model": arguments.model} if arguments.model else body


def _decide_from_file(arguments: Namespace, body: Mapping[str, Any], headers: CIMultiDict[str]) -> Any:
    """By the file alone, with nothing known of the providers."""
    snapshot = file.load_generation(arguments.config).snapshot
    if arguments.sandbox:
        snapshot = adapt_snapshot(snapshot, dict.fromkeys(snapshot.providers, ""))
    seed = headers.get("X-Request-Id", token_hex(12))
    asking = build_routing_request(body, extract_control_headers(headers), snapshot, seed)
    explained = explanation(decide(asking, snapshot, Signals()), asking.policy, seed)
    return orjson.loads(orjson.dumps(explained))


async def _fetch(url: str, body: Mapping[str, Any], headers: CIMultiDict[str]) -> Any:
    """What a running sidecar would do; a Failure with what it says otherwise."""
    if key := os.environ.get("PARROT_API_KEY"):
        headers.setdefault("Authorization", f"Bearer {key}")
    where = f"{url.rstrip('/').removesuffix('/v1')}/v1/route"
    shown = strip_userinfo(where)
    try:
        async with (
            ClientSession(timeout=ClientTimeout(TIMEOUT_S)) as session,
            session.post(where, json=body, headers=headers) as answer,
        ):
            return _parse_response(answer.status, await answer.read(), shown)
    except TimeoutError as error:
        raise CommandError(f"{shown} did not answer within {TIMEOUT_S:g} s") from error
    except ClientConnectorError as error:
        raise CommandError(f"cannot ask {shown}: {error_reason(error.os_error)}") from error
    except InvalidURL as error:
        raise CommandError(f"'{strip_userinfo(url)}' is no URL such as http://127.0.0.1:8090", exit_code=2) from error
    except ClientError as error:
        raise CommandError(f"cannot ask {shown}: {strip_userinfo(str(error))}") from error


def _parse_response(status: int, data: bytes, where: str) -> Any:
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        said = None
    if status == 200 and isinstance(said, dict) and "plan" in said:
        return said
    error = said.get("error") if isinstance(said, dict) else None
    message = error.get("message") if isinstance(error, dict) else "that is no Parrot Sidecar"
    raise CommandError(f"{where} answered {status}: {message}")


COMMAND = Command("explain", "who would serve a request, and why", _arguments, _run, _DESCRIPTION)
