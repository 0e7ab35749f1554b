"""How the text of each kind of control header is read; a ValueError says what is allowed instead."""

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
"""Characters of a header."""
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
    """The text without spaces around it; too long a one, and JSON with a name given twice, is refused."""
    if len(text) > MAX_HEADER_LENGTH:
        raise ValueError(f"longer than {MAX_HEADER_LENGTH} characters")
    text = text.strip()
    if text.startswith(("{", "[")):
        _check_unique_names(text)
    return text


def _check_unique_names(text: str) -> None:
    """Parsers keep the last of two members that have one name: which of them was meant nobody knows."""
    with suppress(json.JSONDecodeError, RecursionError):  # what is no JSON its own reader refuses
        json.loads(text, object_pairs_hook=_reject_duplicates)


def _reject_duplicates(members: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise ValueError(f"'{name[:64]}' stands in it twice")
        seen.add(name)


def _one_of(text: str, allowed: Any) -> str:
    if text not in allowed:
        raise ValueError(f"'{text[:64]}' is not one of {', '.join(allowed)}")
    return text


def _names(text: str, allowed: frozenset[str], what: str) -> tuple[str, ...]:
    """A comma list; repeated names count once."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    for name in names:
        if name not in allowed:
            raise ValueError(f"no {what} '{name[:64]}'; allowed: {', '.join(sorted(allowed))}")
    if len(names) > MAX_NAMES:
        raise ValueError(f"more than {MAX_NAMES} names")
    return names


def providers(text: str, known: KnownNames) -> tuple[str, ...]:
    """Names of the file's providers."""
    return _names(text, known.providers, "provider")


def regions(text: str, known: KnownNames) -> tuple[str, ...]:
    """Regions in which the file has targets."""
    return _names(text, known.regions, "region")


def zone(text: str, known: KnownNames) -> str:
    """A residency zone: EU, or a country's code."""
    if text.upper() not in known.zones:
        raise ValueError(f"no zone '{text[:64]}'; allowed: {', '.join(sorted(known.zones))}")
    return text.upper()


def positive(text: str, known: KnownNames) -> float:
    """A number above 0."""
    if not _NUMBER.fullmatch(text) or not float(text):
        raise ValueError(f"'{text[:64]}' is not a number above 0, such as 0.10 or 500")
    return float(text)


def strategy(text: str, known: KnownNames) -> str:
    """A strategy's name."""
    return _one_of(text.lower(), STRATEGY_NAMES)


def user_region(text: str, known: KnownNames) -> str:
    """A cloud region that has a place on the map."""
    if text.lower() not in REGIONS:
        near = get_close_matches(text.lower()[:64], REGIONS, n=3, cutoff=0.0)
        raise ValueError(
            f"no region '{text[:64]}'; allowed: those of AWS, Azure and Google Cloud, as {', '.join(near)}"
        )
    return text.lower()


def metric(text: str, known: KnownNames) -> str:
    """What `performance` goes by."""
    return _one_of(text.lower(), PERFORMANCE_METRICS)


def window(text: str, known: KnownNames) -> float:
    """10s to 60m, in seconds, as whole buckets: callers may name any, and what is measured is kept by them."""
    try:
        seconds = Seconds.parse(text)
    except ValueError:
        seconds = Seconds(0)
    if not 10 <= seconds <= 3600:
        raise ValueError(f"'{text[:64]}' is not a duration from 10s to 60m")
    return float(round_up_to_buckets(seconds))


def balancing_mode(text: str, known: KnownNames) -> str:
    """How turns are given."""
    return _one_of(text.lower(), BALANCING_MODES)


def weights(text: str, known: KnownNames) -> tuple[tuple[str, int], ...]:
    """A JSON object of whole weights by provider."""
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
    """true or false."""
    return _one_of(text.lower(), ("true", "false")) == "true"


def retries(text: str, known: KnownNames) -> int:
    """0 to 10."""
    if not _RETRIES.fullmatch(text) or int(text) > MAX_RETRIES:
        raise ValueError(f"'{text[:64]}' is not a whole number from 0 to {MAX_RETRIES}")
    return int(text)


def session(text: str, known: KnownNames) -> str:
    """A name of the application's choosing."""
    if not _SESSION.fullmatch(text):
        raise ValueError("must be 1 to 256 of A-Z a-z 0-9 . _ : @ / + = -")
    return text
