"""The values of the JSON Schema keyword `format` that are checked: those of structured output."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit
from uuid import UUID

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_EMAIL = re.compile(rf"[^@\s\"]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_DURATION = re.compile(r"P(?!\Z)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?!\Z)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def _parsed(*parses: Callable[[str], object]) -> Callable[[str], bool]:
    """Return a function that tells whether all of these parse a text: none raises ValueError or returns None."""

    def is_valid(text: str) -> bool:
        try:
            return all(parse(text) is not None for parse in parses)
        except ValueError:
            return False

    return is_valid


def _date_time(text: str) -> object:
    day, separator, rest = text[:10], text[10:11], text[11:]
    is_shaped = separator in ("T", "t") and _DATE.fullmatch(day) and _TIME.fullmatch(rest)
    return datetime.fromisoformat(text.upper()) if is_shaped else None


def _uri(text: str) -> object:
    return urlsplit(text).scheme or None if " " not in text else None


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date-time": _parsed(_date_time),
    "date": _parsed(_DATE.fullmatch, date.fromisoformat),
    "time": _parsed(_TIME.fullmatch, time.fromisoformat),
    "duration": _parsed(_DURATION.fullmatch),
    "email": _parsed(_EMAIL.fullmatch),
    "hostname": _parsed(_HOSTNAME.fullmatch),
    "ipv4": _parsed(IPv4Address),
    "ipv6": _parsed(IPv6Address),
    "uri": _parsed(_uri),
    "uuid": _parsed(_UUID.fullmatch, UUID),
}
"""Format -> whether a text has it."""
