"""OpenAI's chat request as a request to the Messages API."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from proxy.dialects.anthropic.messages import Conversation
from proxy.dialects.anthropic.tables import (
    API_VERSION,
    MAX_USER_ID_LENGTH,
    SERVICE_TIERS,
    SUPPORTED_PARAMS,
    TOOL_NAME,
    ModelCapabilities,
    model_capabilities,
)
from proxy.dialects.anthropic.tools import tool_names, translate_tools
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.dialects.hub.params import check_essential, drop_warnings, is_default
from proxy.dialects.hub.tool_choice import non_function_tools, requires_call, strict_flags
from proxy.dialects.names import original_names, sanitize_names

PATHS = {"chat": "/v1/messages"}

_PERSONAL = re.compile(r".*@.*|\+?[\d\s().-]{7,}", re.DOTALL)


def build_request(call: CallerRequest) -> ProviderRequest:
    """The request; what it cannot say is left out and named in the warnings. Raises InvalidRequestError."""
    body, taken = call.body, model_capabilities(call.model)
    lost = unsupported_params(body, call.model)
    check_essential(lost)
    _check(body)
    told = sanitize_names(tool_names(body), TOOL_NAME)
    conversation = Conversation(taken, told)
    for index, message in enumerate(body["messages"]):
        conversation.add(message, f"messages[{index}]")
    turns = conversation.to_turns()
    asked = {
        "model": call.model,
        "max_tokens": _max_tokens(body, taken),
        "system": conversation.system or None,
        "messages": turns,
        **translate_tools(body, told, taken),
        **_scalars(body, taken),
        "stream": call.stream or None,
    }
    return ProviderRequest(
        path=PATHS[call.endpoint],
        body=serialize_request({key: value for key, value in asked.items() if value is not None}),
        headers={"anthropic-version": API_VERSION},
        warnings=_warnings(body, lost, taken),
        tool_names=original_names(told),
    )


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """The parameters that are asked for and cannot be said to this model."""
    taken = model_capabilities(model)
    names = [name for name, value in body.items() if name not in SUPPORTED_PARAMS and not is_default(name, value)]
    names += [name for name in _sampling(body) if name not in _sampled(body, taken)]
    names += ["service_tier"] if body.get("service_tier") and not _tier(body) else []
    names += ["tool_choice"] if requires_call(body.get("tool_choice")) and not taken.forced_tools else []
    names += ["strict"] if not taken.strict_tools and any(strict_flags(body)) else []
    return tuple(dict.fromkeys([*names, *non_function_tools(body)]))


def _check(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("messages"), list):
        raise invalid_param("messages", "must be a list")
    for name, value in _sampling(body).items():
        if not isinstance(value, (int, float)):
            raise invalid_param(name, "must be a number")


def _max_tokens(body: Mapping[str, Any], taken: ModelCapabilities) -> Any:
    limits = (body.get("max_completion_tokens"), body.get("max_tokens"), taken.max_tokens)
    return next(limit for limit in limits if limit is not None)


def _scalars(body: Mapping[str, Any], taken: ModelCapabilities) -> dict[str, Any]:
    user = body.get("safety_identifier") or body.get("user")
    return {
        **{name: min(value, 1) for name, value in _sampled(body, taken).items()},
        "stop_sequences": _stops(body.get("stop")),
        "metadata": {"user_id": _user_id(str(user))} if user else None,
        "service_tier": _tier(body),
    }


def _sampling(body: Mapping[str, Any]) -> dict[str, float]:
    """What is asked of the sampling; 1 is where both parameters stand anyway."""
    return {name: body[name] for name in ("temperature", "top_p") if body.get(name) not in (None, 1)}


def _sampled(body: Mapping[str, Any], taken: ModelCapabilities) -> dict[str, float]:
    return dict(list(_sampling(body).items())[: taken.max_sampling_params])


def _stops(stop: Any) -> list[str] | None:
    """Whatever stop sequences hold more than white space, which is all the API takes."""
    listed = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise invalid_param("stop", "must be a string or a list of strings")
    return [item for item in listed if item.strip()] or None


def _tier(body: Mapping[str, Any]) -> str | None:
    return SERVICE_TIERS.get(str(body.get("service_tier")))


def _user_id(user: str) -> str:
    """The API wants no names, addresses or numbers of people: what looks like one is hashed."""
    if len(user) > MAX_USER_ID_LENGTH or _PERSONAL.fullmatch(user):
        return hashlib.sha256(user.encode()).hexdigest()
    return user


def _warnings(body: Mapping[str, Any], lost: tuple[str, ...], taken: ModelCapabilities) -> tuple[str, ...]:
    stops = body.get("stop")
    fewer = stops and len(_stops(stops) or ()) < (1 if isinstance(stops, str) else len(stops))
    hot = _sampled(body, taken).get("temperature", 0) > 1
    return drop_warnings((*lost, "stop") if fewer else lost) + (
        ("param-clamped;name=temperature;value=1",) if hot else ()
    )
