"""A chat request as `generateContent`, of the Gemini Developer API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from proxy.dialects.content import invalid, written
from proxy.dialects.contract import Asking, Call
from proxy.dialects.google import tables
from proxy.dialects.google.contents import conversation
from proxy.dialects.google.safety import Safety, accept
from proxy.dialects.google.tools import config, declarations, functions, told
from proxy.dialects.names import changed
from proxy.errors import InvalidRequest

# v1 has neither systemInstruction nor tools for every model; v1beta is what Google documents them under.
PATHS = {"chat": "/v1beta/models/{model}:{method}"}

_METHODS = {False: "generateContent", True: "streamGenerateContent?alt=sse"}
_PRINTABLE = re.compile(r"\w{1,64}", re.ASCII)


def ask(call: Call) -> Asking:
    """The whole request; what Gemini cannot express is left out, and named in the warnings."""
    body = call.body
    generation = tables.generation(call.model)
    dropped = unsupported(body, call.model)
    if "n" in dropped:
        raise InvalidRequest("Gemini gives one choice here: `n` must be 1", param="n", code="unsupported_value")
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
        "generationConfig": _generation_config(body, dropped),
        "serviceTier": tables.SERVICE_TIERS.get(str(body.get("service_tier"))),
    }
    return Asking(
        path=PATHS[call.endpoint].format(
            model=quote(call.model.removeprefix("models/"), safe=""), method=_METHODS[call.stream]
        ),
        body=written({member: value for member, value in wire.items() if value}),
        warnings=tuple(f"param-dropped;name={name}" for name in dropped if _PRINTABLE.fullmatch(name))
        + safety.warnings,
        names=changed(names),
    )


def unsupported(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Members that ask for something Gemini, or this model of it, does not have."""
    gone = _gone(body, tables.generation(model))
    return tuple(
        name
        for name, value in body.items()
        if value is not None
        and value not in tables.NEUTRAL.get(name, ())
        and (name in gone or (name not in tables.CARRIED and name not in tables.SILENT))
    )


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


def _generation_config(body: Mapping[str, Any], dropped: tuple[str, ...]) -> dict[str, Any]:
    limit = body.get("max_completion_tokens")
    seed = body.get("seed")
    scalars = {
        "maxOutputTokens": body.get("max_tokens") if limit is None else limit,
        "stopSequences": _stops(body.get("stop")) or None,
        # Gemini's seed has 32 bits; the same seed stays the same.
        "seed": seed % 2**31 if isinstance(seed, int) else seed,
    }
    for name, wire in tables.SCALARS.items():
        if name not in dropped and body.get(name) not in tables.NEUTRAL.get(name, ()):
            scalars[wire] = body.get(name)
    return {wire: value for wire, value in scalars.items() if value is not None}


def _stops(stop: Any) -> list[str]:
    listed = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise invalid("stop", "must be a string or a list of strings")
    return [text for text in listed if text]
