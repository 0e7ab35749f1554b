"""OpenAI's chat request as Mistral's: nothing goes over that is not named here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.content import text
from proxy.dialects.contract import Asking, Call
from proxy.dialects.mistral.messages import conversation
from proxy.dialects.mistral.tables import MODES, PARAMS, PATHS, SERVICE_TIERS, TOOL_NAME
from proxy.dialects.names import changed, fitting
from proxy.dialects.offers import names, offer
from proxy.dialects.params import dropped


def ask(call: Call) -> Asking:
    """The request; what it cannot say is left out and named in the warnings. Raises InvalidRequest."""
    body = call.body
    told = fitting(names(body), TOOL_NAME)
    asked = {
        "model": call.model,
        "messages": conversation(body.get("messages"), told),
        **PARAMS.told(body),
        **_tools(body, told),
        "prediction": _prediction(body.get("prediction")),
        "service_tier": SERVICE_TIERS.get(str(body.get("service_tier"))),
        "stream": call.stream or None,
    }
    return Asking(
        path=PATHS[call.endpoint],
        body=orjson.dumps({key: value for key, value in asked.items() if value is not None}),
        warnings=dropped(unsupported(body, call.model)) + PARAMS.clamped(body),
        names=changed(told),
    )


def unsupported(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """The parameters that are asked for and cannot be said."""
    names = PARAMS.unsupported(body)
    return tuple(name for name in names if name != "service_tier" or str(body["service_tier"]) not in SERVICE_TIERS)


def _tools(body: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    offered = offer(body)
    if not offered.functions:
        return {}
    choice: Any = MODES[offered.mode]
    if offered.only is not None:
        choice = {"type": "function", "function": {"name": told[offered.only]}}
    return {
        "tools": [{"type": "function", "function": _function(function, told)} for function in offered.functions],
        "tool_choice": choice if body.get("tool_choice") else None,
        "parallel_tool_calls": body.get("parallel_tool_calls"),
    }


def _function(function: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """Parameters are required there, even if there are none."""
    said = {
        "name": told[function["name"]],
        "description": function.get("description"),
        "parameters": function.get("parameters") or {"type": "object", "properties": {}},
        "strict": function.get("strict"),
    }
    return {key: value for key, value in said.items() if value is not None}


def _prediction(prediction: Any) -> dict[str, Any] | None:
    if not isinstance(prediction, dict):
        return None
    return {"type": "content", "content": text(prediction.get("content"), "prediction.content")}
