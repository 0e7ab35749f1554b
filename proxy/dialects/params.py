"""OpenAI's parameters as a provider takes them, by tables: other names, narrower ranges, and what must be left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.content import invalid
from proxy.errors import InvalidRequest

_UNDERSTOOD = frozenset({
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "tools", "tool_choice",
})  # fmt: skip

SILENT = frozenset({
    "metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "routing", "safety_identifier",
    "store", "user",
})  # fmt: skip
"""Members whose loss does not change the answer."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": ([], ["text"]),
    "n": (1,),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "service_tier": ("auto",),
    "top_logprobs": (0,),
    "functions": ([],),
}
"""Values that ask for what comes anyway; null is one for every member."""

REFUSED = ("audio", "modalities", "web_search_options", "functions", "function_call")
"""Members that change what kind of answer is asked for, so that leaving them out would be worse than saying no."""

_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number's name with the provider, and its range there."""

    told: str
    low: float
    high: float
    loses_below: bool = False
    """Whether a value under the range is left out; else it becomes the lowest."""

    def fits(self, value: float) -> bool:
        """Whether any of it can be said."""
        return value >= self.low or not self.loses_below


@dataclass(frozen=True, slots=True)
class Params:
    """What a provider makes of OpenAI's parameters."""

    numbers: Mapping[str, Number]
    kept: Mapping[str, str]
    """Others that go over with their value as it is: name -> the provider's name."""
    translated: frozenset[str] = frozenset()
    """Others that the dialect puts into words of its own."""
    refused: tuple[str, ...] = REFUSED

    def told(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters under the provider's names, in its ranges. Raises InvalidRequest for what it must not lose."""
        for name in self.refused:
            if not _neutral(name, body.get(name)):
                what = f"{name}: not supported by this provider"
                raise InvalidRequest(what, param=name, code="unsupported_parameter")
        limit = body.get("max_completion_tokens")
        told = {"max_tokens": body.get("max_tokens") if limit is None else limit}
        told |= {their: body.get(name) for name, their in self.kept.items()}
        told |= {number.told: min(max(value, number.low), number.high) for number, value in self._numbers(body)}
        return {name: value for name, value in told.items() if value is not None}

    def unsupported(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Which of the request's parameters cannot be said at all."""
        known = _UNDERSTOOD | SILENT | self.translated | self.kept.keys() | self.numbers.keys() | set(self.refused)
        names = [name for name, value in body.items() if name not in known and not _neutral(name, value)]
        names += [name for name, number in self.numbers.items() if _below(body.get(name), number)]
        return tuple(names)

    def clamped(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """A warning for each number that had to be moved into its range."""
        moved = [
            (name, min(max(body[name], number.low), number.high))
            for name, number in self.numbers.items()
            if _is_number(body.get(name)) and number.fits(body[name]) and not number.low <= body[name] <= number.high
        ]
        return tuple(f"param-clamped;name={name};value={value:g}" for name, value in moved)

    def _numbers(self, body: Mapping[str, Any]) -> Iterable[tuple[Number, Any]]:
        for name, number in self.numbers.items():
            value = body.get(name)
            if value is not None and not _is_number(value):
                raise invalid(name, "must be a number")
            if value is not None and number.fits(value):
                yield number, value


def dropped(names: Iterable[str]) -> tuple[str, ...]:
    """The warnings for parameters left out; a name that may not stand in a header is not repeated there."""
    return tuple([f"param-dropped;name={name if _PRINTABLE.fullmatch(name) else 'unknown'}" for name in names])


def _neutral(name: str, value: Any) -> bool:
    return value is None or value in NEUTRAL.get(name, ())


def _below(value: Any, number: Number) -> bool:
    return _is_number(value) and not number.fits(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
