"""Translates OpenAI parameters by a table per provider: names, ranges, and which parameters cannot be expressed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.response_format import has_tools
from proxy.dialects.hub.tool_choice import non_function_tools, requires_call
from proxy.errors import InvalidRequestError

_HANDLED_ELSEWHERE = frozenset({
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "tools", "tool_choice",
    "functions", "function_call",
})  # fmt: skip

IGNORABLE_PARAMS = frozenset({
    "cache_control", "metadata", "prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "routing",
    "safety_identifier", "store", "user",
})  # fmt: skip
"""Parameters that can be dropped without changing the answer."""

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
}
"""Values that have no effect. Null has none for every parameter."""

_HAS_EFFECT: Mapping[str, Callable[[Any], bool]] = {
    "response_format": lambda value: not (isinstance(value, dict) and value.get("type") == "text"),
    "tool_choice": requires_call,
    "tools": lambda value: bool(non_function_tools({"tools": value})),
}
"""Parameters with their own test for values that have an effect."""

ESSENTIAL_PARAMS = (
    "response_format", "n", "modalities", "audio", "web_search_options", "logprobs", "top_logprobs", "tools", "tool_choice",
    "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
)  # fmt: skip
"""Parameters that change what kind of answer is requested: a target that cannot express one must not serve the request."""

_ESSENTIAL = frozenset(ESSENTIAL_PARAMS)
_READ_FOR_THEM = _ESSENTIAL | {"function_call"}
_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MAX_WARNINGS = 20


def is_default(name: str, value: Any) -> bool:
    """Whether the parameter has no effect with that value, so that it can be left out."""
    has_effect = _HAS_EFFECT.get(name)
    return value is None or (value in DEFAULT_VALUES.get(name, ()) if has_effect is None else not has_effect(value))


def essential_params(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the essential parameters that have an effect, whether there are tools, and `stream`, or {} if there are none."""
    if _READ_FOR_THEM.isdisjoint(body):
        return {}
    if isinstance(body.get("function_call"), dict):
        body = {**body, "tool_choice": {"type": "function", "function": body["function_call"]}}
    found = {name: body[name] for name in ESSENTIAL_PARAMS if name in body and not is_default(name, body[name])}
    if not found:
        return {}
    tools = {"tools": [{"type": "function"}]} if has_tools(body) and "tools" not in found else {}
    return {**found, **tools, "stream": body.get("stream")}


def check_essential(unsupported: Iterable[str], essential: Collection[str] = _ESSENTIAL) -> None:
    """Raise InvalidRequestError if one of these parameters must not be dropped. What follows a name says more of it."""
    for name in unsupported:
        member = name.partition(" ")[0]
        if member in essential:
            what = f"{name}: not supported by this provider"
            raise InvalidRequestError(what, param=member, code="unsupported_parameter")


@dataclass(frozen=True, slots=True)
class NumericParam:
    """A numeric parameter's name and range at a provider. Other values are clamped to the range."""

    provider_name: str
    low: float
    high: float
    drop_below: bool = False
    """Whether a value below the range is dropped instead."""

    def can_express(self, value: float) -> bool:
        """Whether the value is sent, clamped or not."""
        return value >= self.low or not self.drop_below


@dataclass(frozen=True, slots=True)
class ParamTable:
    """How one provider takes OpenAI's parameters."""

    numbers: Mapping[str, NumericParam]
    copied: Mapping[str, str]
    """Parameters sent with their value unchanged: name -> the provider's name."""
    translated: frozenset[str] = frozenset()
    """Parameters that the dialect translates itself."""

    def to_provider(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters under the provider's names, within its ranges. Raises InvalidRequestError for a non-number."""
        limit = body.get("max_completion_tokens")
        sent = {"max_tokens": body.get("max_tokens") if limit is None else limit}
        sent |= {provider_name: body.get(name) for name, provider_name in self.copied.items()}
        sent |= {
            number.provider_name: min(max(value, number.low), number.high) for number, value in self._numbers(body)
        }
        return {name: value for name, value in sent.items() if value is not None}

    def unsupported(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of the request's parameters that cannot be expressed."""
        known = _HANDLED_ELSEWHERE | IGNORABLE_PARAMS | self.translated | self.copied.keys() | self.numbers.keys()
        names = [name for name, value in body.items() if name not in known and not is_default(name, value)]
        names += [name for name, number in self.numbers.items() if _below(body.get(name), number)]
        return (*names, *non_function_tools(body))

    def clamp_warnings(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Return a warning for each number that is clamped."""
        clamped = [
            (name, min(max(body[name], number.low), number.high))
            for name, number in self.numbers.items()
            if _is_number(body.get(name))
            and number.can_express(body[name])
            and not number.low <= body[name] <= number.high
        ]
        return tuple(f"param-clamped;name={name};value={value:g}" for name, value in clamped)

    def _numbers(self, body: Mapping[str, Any]) -> Iterable[tuple[NumericParam, Any]]:
        for name, number in self.numbers.items():
            value = body.get(name)
            if value is not None and not _is_number(value):
                raise invalid_param(name, "must be a number")
            if value is not None and number.can_express(value):
                yield number, value


def drop_warnings(names: Iterable[str], kind: str = "param") -> tuple[str, ...]:
    """Return warnings for what is dropped. Names invalid in a header become `unknown`. Those over 20 are only counted."""
    printable = dict.fromkeys(name if _PRINTABLE.fullmatch(name) else "unknown" for name in names)
    others = len(printable) - _MAX_WARNINGS
    warnings = [f"{kind}-dropped;name={name}" for name in islice(printable, _MAX_WARNINGS)]
    return (*warnings, *([f"{kind}-dropped;others={others}"] if others > 0 else []))


def _below(value: Any, number: NumericParam) -> bool:
    return _is_number(value) and not number.can_express(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
