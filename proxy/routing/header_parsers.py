"""Parsers of control header values. Each returns the value, or raises ValueError with what is allowed.

`known` holds the names that the snapshot gives meaning to.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import orjson

from proxy.config.regions import REGIONS
from proxy.config.snapshot import KnownNames
from proxy.config.units import Seconds
from proxy.telemetry.window import round_up_to_buckets

MAX_HEADER_LENGTH = 4096
MAX_NAMES = 32
MAX_RETRIES = 10
MAX_WEIGHT = 1_000_000

STRATEGY_NAMES = ("automatic", "geographic", "cost-optimized", "performance", "round-robin", "weighted", "least-busy")
PERFORMANCE_METRICS = ("ttft", "latency", "throughput")
BALANCING_MODES = ("round-robin", "weighted")

_SESSION = re.compile(r"[A-Za-z0-9._:@/+=-]{1,256}")
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,20})?([eE]-?\d{1,2})?", re.ASCII)
_RETRIES = re.compile(r"[0-9]{1,2}")


def validate_text(text: str) -> str:
    """Return the text without surrounding spaces. Raises ValueError if it is too long, or JSON with a duplicate name."""
    if len(text) > MAX_HEADER_LENGTH:
        raise ValueError(f"longer than {MAX_HEADER_LENGTH} characters")
    text = text.strip()
    if text.startswith(("{", "[")):
        _check_unique_names(text)
    return text


def _check_unique_names(text: str) -> None:
    """Raise ValueError for duplicate names, of which JSON parsers would silently keep the last."""
    with suppress(json.JSONDecodeError, RecursionError):  # invalid JSON is rejected by the header's own parser
        json.loads(text, object_pairs_hook=_reject_duplicates)


def _reject_duplicates(members: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise ValueError(f"duplicate name '{name[:64]}'")
        seen.add(name)


def _one_of(text: str, allowed: Any) -> str:
    if text not in allowed:
        raise ValueError(f"'{text[:64]}' is not one of {', '.join(allowed)}")
    return text


def _names(text: str, allowed: frozenset[str], what: str) -> tuple[str, ...]:
    """Parse a comma list. Repeated names count once."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    for name in names:
        if name not in allowed:
            raise ValueError(f"no {what} '{name[:64]}'; allowed: {', '.join(sorted(allowed))}")
    if len(names) > MAX_NAMES:
        raise ValueError(f"more than {MAX_NAMES} names")
    return names


def providers(text: str, known: KnownNames) -> tuple[str, ...]:
    """Parse names of configured providers."""
    return _names(text, known.providers, "provider")


def regions(text: str, known: KnownNames) -> tuple[str, ...]:
    """Parse regions in which the snapshot has targets."""
    return _names(text, known.regions, "region")


def zone(text: str, known: KnownNames) -> str:
    """Parse a residency zone: EU, or a country code."""
    if text.upper() not in known.zones:
        raise ValueError(f"no zone '{text[:64]}'; allowed: {', '.join(sorted(known.zones))}")
    return text.upper()


def positive(text: str, known: KnownNames) -> float:
    """Parse a number above 0."""
    if not _NUMBER.fullmatch(text) or not float(text):
        raise ValueError(f"'{text[:64]}' is not a number above 0, such as 0.10 or 500")
    return float(text)


def strategy(text: str, known: KnownNames) -> str:
    """Parse the name of a strategy."""
    return _one_of(text.lower(), STRATEGY_NAMES)


def user_region(text: str, known: KnownNames) -> str:
    """Parse a cloud region whose location is known."""
    if text.lower() not in REGIONS:
        near = get_close_matches(text.lower()[:64], REGIONS, n=3, cutoff=0.0)
        raise ValueError(
            f"no region '{text[:64]}'; allowed: those of AWS, Azure and Google Cloud, as {', '.join(near)}"
        )
    return text.lower()


def metric(text: str, known: KnownNames) -> str:
    """Parse the metric of the `performance` strategy."""
    return _one_of(text.lower(), PERFORMANCE_METRICS)


def window(text: str, known: KnownNames) -> float:
    """Parse a duration from 10s to 60m and return seconds, rounded up to whole buckets.

    Percentiles are kept by window, so rounding bounds how many different ones callers can make.
    """
    try:
        seconds = Seconds.parse(text)
    except ValueError:
        seconds = Seconds(0)
    if not 10 <= seconds <= 3600:
        raise ValueError(f"'{text[:64]}' is not a duration from 10s to 60m")
    return float(round_up_to_buckets(seconds))


def balancing_mode(text: str, known: KnownNames) -> str:
    """Parse the balancing mode."""
    return _one_of(text.lower(), BALANCING_MODES)


def weights(text: str, known: KnownNames) -> tuple[tuple[str, int], ...]:
    """Parse a JSON object of integer weights by provider, at least one of them above 0."""
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict) or not given:
        raise ValueError('expected a JSON object such as {"openai": 50, "anthropic": 50}')
    for name, weight in given.items():
        if name not in known.providers:
            raise ValueError(f"no provider '{name[:64]}'; allowed: {', '.join(sorted(known.providers))}")
        if type(weight) is not int or not 0 <= weight <= MAX_WEIGHT:
            raise ValueError(f"the weight of '{name}' must be a whole number from 0 to {MAX_WEIGHT}")
    if not any(given.values()):
        raise ValueError("one weight must be above 0")
    return tuple(given.items())


def boolean(text: str, known: KnownNames) -> bool:
    """Parse `true` or `false`."""
    return _one_of(text.lower(), ("true", "false")) == "true"


def retries(text: str, known: KnownNames) -> int:
    """Parse an integer from 0 to 10."""
    if not _RETRIES.fullmatch(text) or int(text) > MAX_RETRIES:
        raise ValueError(f"'{text[:64]}' is not a whole number from 0 to {MAX_RETRIES}")
    return int(text)


def session(text: str, known: KnownNames) -> str:
    """Parse a session id."""
    if not _SESSION.fullmatch(text):
        raise ValueError("must be 1 to 256 of A-Z a-z 0-9 . _ : @ / + = -")
    return text
