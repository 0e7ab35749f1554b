"""The text of the routing.yaml that `parrot init` writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from proxy.cli.discovery import Found, vendor_entry
from proxy.cli.vendors import VENDORS

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
_LOCAL = Found("local", "compatible", "http://localhost:11434/v1", models=("qwen3",))
"""What stands in a file for which nothing was found."""

_HEAD = """\
# Which providers serve which model. A saved change takes effect within two seconds, an invalid file changes nothing.
#   parrot check                   validates this file
#   parrot explain --model NAME    shows where a request would go
#   parrot serve                   serves it, for applications with base_url http://127.0.0.1:8090/v1

listen: {host: 127.0.0.1, port: 8090}

"""
_TAIL = """
# What happens to a request. Left out, all of these run with their defaults.
# pipeline:
#   - access_log
#   - auth: {keys: [{name: app, value: "${PARROT_API_KEY}"}]}   # needed to listen on other addresses than loopback
#   - limits: {max_inflight: 1000}
#   - strategy: {default: automatic}    # or cost-optimized, performance, geographic, round-robin, weighted, least-busy
#   - failover: {max_retries: 3}
"""


def starter_file(found: list[Found]) -> str:
    """Return a file with these providers, and all others that are known as comments."""
    used = found or [_LOCAL]
    return _HEAD + "\n".join([*_providers(used), "", *_models(used), _TAIL])


def _providers(found: list[Found]) -> Iterator[str]:
    yield "# A provider whose key is not set is disabled, the others serve. Keys stay in the environment."
    yield "providers:"
    for each in found:
        yield from _provider(each)
    names = {each.name for each in found}
    others = [vendor_entry(vendor, vendor.variables[0]) for vendor in VENDORS if vendor.name not in names]
    if others:
        yield (
            "  # These have no key in the environment:"
            if found != [_LOCAL]
            else "  # To use one of these, set its key:"
        )
    for each in others:
        yield f"  # {each.name}: {_flow(_members(each))}"


def _provider(each: Found) -> Iterator[str]:
    yield f"  {each.name}:"
    for name, value in _members(each).items():
        yield f"    {name}: {value}"


def _members(each: Found) -> dict[str, str]:
    key = f"${{{each.variable}}}" if each.variable else None
    members = {"dialect": each.dialect, "base_url": each.base_url, "api_key": key, "auth": each.auth}
    return {name: value for name, value in members.items() if value is not None}


def _flow(members: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {quote(value)}" for name, value in members.items()) + "}"


def _models(found: list[Found]) -> Iterator[str]:
    yield "# Requested name -> the providers that serve it, and their own name for it. `provider/model` always works too."
    tiers = [*_tier("large", {each.name: each.large for each in found if each.large}),
             *_tier("small", {each.name: each.small for each in found if each.small})]  # fmt: skip
    own = list(_own_models(found))
    yield "models:" if tiers or own else "models: {}"
    if tiers:
        yield "  # Models of one class: where one provider fails, the next one answers"
    yield from tiers
    if own:
        yield "  # Names that go to their provider unchanged"
    yield from own
    if not (tiers or own):
        yield f"  # some-name: {{{found[0].name}: its-own-name}}"


def _tier(name: str, served: dict[str, str]) -> Iterator[str]:
    if served:
        yield f"  {name}:"
    for provider, model in served.items():
        yield f"    {provider}: {quote(model)}"


def _own_models(found: Iterable[Found]) -> Iterator[str]:
    seen = {"large", "small"}
    for each in found:
        for model in each.models:
            if model not in seen:
                seen.add(model)
                yield f"  {quote(model)}: {{{each.name}: {quote('*' if '*' in model else model)}}}"


def quote(text: str) -> str:
    """Return a text as YAML reads it as text."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else f'"{text}"'
