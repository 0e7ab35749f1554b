"""`parrot explain`: shows the routing decision for a request, made from a file or by a running sidecar."""

from __future__ import annotations

import asyncio
import os
import shutil
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import orjson
from aiohttp import ClientSession, ClientTimeout
from multidict import CIMultiDict

from proxy.cli import file
from proxy.cli.command import Command, CommandError, strip_userinfo
from proxy.cli.http_client import connection_errors
from proxy.cli.table import format_decision
from proxy.config.document import suggestion
from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.errors import ParrotError
from proxy.generation import Generation
from proxy.middleware.auth import Auth
from proxy.resilience.key_pools import KeyPools
from proxy.routing.decision import decide
from proxy.routing.dry_run import build_routing_request, dry_explanation
from proxy.routing.facts import parse_json_object
from proxy.routing.policy import extract_control_headers
from proxy.telemetry.signals import Signals

TIMEOUT_S = 10.0
"""Limit for the response of a running sidecar."""

_DESCRIPTION = """Show the plan for a request without calling a provider. A decision from a file uses no
measurements, one of a running sidecar uses its current ones. The key for the sidecar is read from PARROT_API_KEY."""


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable():
        raise ArgumentTypeError("expected NAME: VALUE, such as 'X-Data-Residency: EU'")
    return name.strip(), value.strip()


def _add_arguments(parser: ArgumentParser) -> None:
    file.add_config_argument(parser)
    parser.add_argument("--model", help="overrides the model of the request (required without --request)")
    parser.add_argument(
        "-H",
        "--header",
        type=_header,
        action="append",
        default=[],
        help="control header, such as 'X-Data-Residency: EU' (repeatable)",
    )
    parser.add_argument("--request", metavar="FILE", help="body of a chat request (default: one short message)")
    parser.add_argument("--key", metavar="NAME", help="decide by the policy of this key under auth in the file")
    parser.add_argument("--sandbox", action="store_true", help="decide as `serve --sandbox`: every provider has a key")
    parser.add_argument("--url", help="take the decision of a running sidecar, such as http://127.0.0.1:8090")
    parser.add_argument("--json", action="store_true", help="print the decision as JSON")


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
        raise CommandError("no model given: use --model or --request", exit_code=2)
    short = {"messages": [{"role": "user", "content": "Hello"}]}
    body = parse_json_object(file.read_file(arguments.request).encode()) if arguments.request else short
    return {**body, "model": arguments.model} if arguments.model else body


def _decide_from_file(arguments: Namespace, body: Mapping[str, Any], headers: CIMultiDict[str]) -> Any:
    """Decide from the file alone, without measurements."""
    generation = file.load_generation(file.config_path(arguments))
    snapshot = generation.snapshot
    if arguments.sandbox:
        from proxy.sandbox.adapt import adapt_snapshot

        snapshot = adapt_snapshot(snapshot, dict.fromkeys(snapshot.providers, ""))
    seed = headers.get("X-Request-Id", token_hex(12))
    key = _key_policy(generation, arguments.key)
    request = build_routing_request(body, extract_control_headers(headers), snapshot, seed, key=key)
    explained = dry_explanation(decide(request, snapshot, Signals()), request, KeyPools(), 0.0)
    return orjson.loads(orjson.dumps(explained))


def _key_policy(generation: Generation, name: str | None) -> PolicyWords:
    """Return the policy of the key with that name. Raises CommandError if the file has none."""
    policies = {key.name: key.policy for key in generation.pipeline.find(Auth).keys}
    if name is not None and name not in policies:
        raise CommandError(f"no key '{name}'{suggestion(name, list(policies))}", exit_code=2)
    return policies[name] if name is not None else NO_POLICY


async def _fetch(url: str, body: Mapping[str, Any], headers: CIMultiDict[str]) -> Any:
    """Fetch the decision of a running sidecar. Raises CommandError with its error message."""
    if key := os.environ.get("PARROT_API_KEY"):
        headers.setdefault("Authorization", f"Bearer {key}")
    route_url = f"{url.rstrip('/').removesuffix('/v1')}/v1/route"
    shown = strip_userinfo(route_url)
    with connection_errors(url, shown, TIMEOUT_S):
        async with (
            ClientSession(timeout=ClientTimeout(TIMEOUT_S)) as session,
            session.post(route_url, json=body, headers=headers) as response,
        ):
            return _parse_response(response.status, await response.read(), shown)


def _parse_response(status: int, data: bytes, url: str) -> Any:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        body = None
    if status == 200 and isinstance(body, dict) and "plan" in body:
        return body
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else "not a Parrot Sidecar endpoint"
    raise CommandError(f"{url} responded {status}: {message}")


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
