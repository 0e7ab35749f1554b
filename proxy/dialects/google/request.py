"""A chat request as `generateContent`, of the Gemini Developer API."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any
from urllib.parse import quote

from proxy.dialects.content import invalid, written
from proxy.dialects.contract import Asking, Call
from proxy.dialects.google import tables
from proxy.dialects.google.contents import conversation
from proxy.dialects.google.safety import Safety, accept
from proxy.dialects.google.tools import config, declarations, functions, told
from proxy.dialects.names import changed
from proxy.dialects.offers import other_kinds
from proxy.dialects.params import SILENT, check_essential, dropped, is_neutral

# v1 has neither systemInstruction nor tools for every model; v1beta is what Google documents them under.
PATHS = {"chat": "/v1beta/models/{model}:{method}"}

_METHODS = {False: "generateContent", True: "streamGenerateContent?alt=sse"}


def ask(call: Call) -> Asking:
    """The whole request; what Gemini cannot express is left out, and named in the warnings."""
    body = call.body
    generation = tables.generation(call.model)
    lost = unsupported(body, call.model)
    check_essential(lost)
    defined = functions(body)
    names = told(body, defined)
    safety = _safety(call)
    system, contents = conversation(body.get("messages"), names, generation)
    wire = {
        "systemInstruction": {"parts": system} if system else None,
        "contents": contents,
        "tools": declarations(defined, names, generation),
        "toolConfig": config(body, defined, names),
        "safetySettings": safety.settings,
        "generationConfig": _generation_config(body, frozenset(lost)),
        "serviceTier": tables.SERVICE_TIERS.get(str(body.get("service_tier"))),
    }
    return Asking(
        path=PATHS[call.endpoint].format(
            model=quote(call.model.removeprefix("models/"), safe=""), method=_METHODS[call.stream]
        ),
        body=written({member: value for member, value in wire.items() if value}),
        warnings=dropped(lost) + safety.warnings,
        names=changed(names),
    )


def unsupported(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Members that ask for something Gemini, or this model of it, does not have."""
    gone = _gone(body, tables.generation(model))
    carried = (tables.CARRIED | SILENT) - gone
    names = [name for name, value in body.items() if name not in carried and not is_neutral(name, value)]
    return (*names, *other_kinds(body))


def _gone(body: Mapping[str, Any], generation: int) -> set[str]:
    """Several candidates come in no stream, and from Gemini 3 on not at all; penalties are gone with it."""
    newest = generation >= tables.NEWEST
    gone = {
        "n": newest or bool(body.get("stream")),
        "presence_penalty": newest,
        "frequency_penalty": newest,
        "service_tier": str(body.get("service_tier")) not in tables.SERVICE_TIERS,
    }
    return {name for name, is_gone in gone.items() if is_gone}


def _safety(call: Call) -> Safety:
    """The header's, else the body's own member."""
    given: Safety | None = call.extras.get("safety_settings")
    if given is not None:
        return given
    value = call.body.get("safety_settings")
    return Safety() if value is None else accept(value)


def _generation_config(body: Mapping[str, Any], lost: Set[str]) -> dict[str, Any]:
    limit = body.get("max_completion_tokens")
    seed = body.get("seed")
    scalars = {
        "maxOutputTokens": body.get("max_tokens") if limit is None else limit,
        "stopSequences": _stops(body.get("stop")) or None,
        # Gemini's seed has 32 bits; the same seed stays the same.
        "seed": seed % 2**31 if isinstance(seed, int) else seed,
    }
    for name, wire in tables.SCALARS.items():
        if name not in lost and not is_neutral(name, body.get(name)):
            scalars[wire] = body.get(name)
    return {wire: value for wire, value in scalars.items() if value is not None}


def _stops(stop: Any) -> list[str]:
    listed = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise invalid("stop", "must be a string or a list of strings")
    return [text for text in listed if text]
