"""OpenAI's parameters as a provider takes them, by tables: other names, narrower ranges, and what must be left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.tool_choice import non_function_tools, requires_call
from proxy.errors import InvalidRequestError

_UNDERSTOOD = frozenset({
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "tools", "tool_choice",
})  # fmt: skip

IGNORABLE_PARAMS = frozenset({
    "metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "routing", "safety_identifier",
    "store", "user",
})  # fmt: skip
"""Members whose loss does not change the answer."""

DEFAULT_VALUES: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "metadata": ({},),
    "modalities": ([], ["text"]),
    "n": (1,),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "service_tier": ("auto",),
    "store": (False,),
    "top_logprobs": (0,),
    "functions": ([],),
}
"""Values that ask for what comes anyway; null is one for every member."""

_SPECIAL: Mapping[str, Callable[[Any], bool]] = {
    "response_format": lambda value: not (isinstance(value, dict) and value.get("type") == "text"),
    "tool_choice": requires_call,
    "tools": lambda value: bool(non_function_tools({"tools": value})),
}
"""Members with a test of their own for values that ask for something special."""

ESSENTIAL_PARAMS = (
    "response_format", "n", "modalities", "audio", "web_search_options", "logprobs", "top_logprobs", "tools", "tool_choice",
    "functions", "function_call", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
)  # fmt: skip
"""Members that change what kind of answer is requested: a target that cannot express one must not serve the request."""

_ESSENTIAL = frozenset(ESSENTIAL_PARAMS)
_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_WARNINGS = 20


def is_default(name: str, value: Any) -> bool:
    """Whether a member with that value can be left out without loss."""
    special = _SPECIAL.get(name)
    return value is None or (value in DEFAULT_VALUES.get(name, ()) if special is None else not special(value))


def essential_params(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members that request a special kind of answer, with `stream`; empty if there are none."""
    if _ESSENTIAL.isdisjoint(body):
        return {}
    found = {name: body[name] for name in ESSENTIAL_PARAMS if name in body and not is_default(name, body[name])}
    return {**found, "stream": body.get("stream")} if found else {}


def check_essential(unsupported: Iterable[str]) -> None:
    """Raise InvalidRequestError if one of these parameters must not be dropped."""
    for name in unsupported:
        if name in _ESSENTIAL:
            what = f"{name}: not supported by this provider"
            raise InvalidRequestError(what, param=name, code="unsupported_parameter")


@dataclass(frozen=True, slots=True)
class NumericParam:
    """A number's name with the provider, and its range there."""

    provider_name: str
    low: float
    high: float
    drop_below: bool = False
    """Whether a value under the range is left out; else it becomes the lowest."""

    def can_express(self, value: float) -> bool:
        """Whether any of it can be said."""
        return value >= self.low or not self.drop_below


@dataclass(frozen=True, slots=True)
class ParamTable:
    """What a provider makes of OpenAI's parameters."""

    numbers: Mapping[str, NumericParam]
    copied: Mapping[str, str]
    """Others that go over with their value as it is: name -> the provider's name."""
    translated: frozenset[str] = frozenset()
    """Others that the dialect puts into words of its own."""

    def to_provider(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters under the provider's names, in its ranges. Raises InvalidRequestError for what is no number."""
        limit = body.get("max_completion_tokens")
        told = {"max_tokens": body.get("max_tokens") if limit is None else limit}
        told |= {their: body.get(name) for name, their in self.copied.items()}
        told |= {
            number.provider_name: min(max(value, number.low), number.high) for number, value in self._numbers(body)
        }
        return {name: value for name, value in told.items() if value is not None}

    def unsupported(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Which of the request's parameters cannot be said at all."""
        known = _UNDERSTOOD | IGNORABLE_PARAMS | self.translated | self.copied.keys() | self.numbers.keys()
        names = [name for name, value in body.items() if name not in known and not is_default(name, value)]
        names += [name for name, number in self.numbers.items() if _below(body.get(name), number)]
        return (*names, *non_function_tools(body))

    def clamp_warnings(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """A warning for each number that had to be moved into its range."""
        moved = [
            (name, min(max(body[name], number.low), number.high))
            for name, number in self.numbers.items()
            if _is_number(body.get(name))
            and number.can_express(body[name])
            and not number.low <= body[name] <= number.high
        ]
        return tuple(f"param-clamped;name={name};value={value:g}" for name, value in moved)

    def _numbers(self, body: Mapping[str, Any]) -> Iterable[tuple[NumericParam, Any]]:
        for name, number in self.numbers.items():
            value = body.get(name)
            if value is not None and not _is_number(value):
                raise invalid_param(name, "must be a number")
            if value is not None and number.can_express(value):
                yield number, value


def drop_warnings(names: Iterable[str]) -> tuple[str, ...]:
    """The warnings for dropped parameters. Names that are invalid in a header are `unknown`; those over 20 are only counted."""
    printable = dict.fromkeys(name if _PRINTABLE.fullmatch(name) else "unknown" for name in names)
    others = len(printable) - _MOST_WARNINGS
    warnings = [f"param-dropped;name={name}" for name in islice(printable, _MOST_WARNINGS)]
    return (*warnings, *([f"param-dropped;others={others}"] if others > 0 else []))


def _below(value: Any, number: NumericParam) -> bool:
    return _is_number(value) and not number.can_express(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
