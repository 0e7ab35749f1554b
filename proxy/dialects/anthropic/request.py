"""Translates an OpenAI chat request into a request to Anthropic's Messages API."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from proxy.dialects.anthropic.breakpoints import limit_breakpoints
from proxy.dialects.anthropic.json_answer import AS_TEXT, answer_tool, can_answer, needs_tool
from proxy.dialects.anthropic.messages import Conversation
from proxy.dialects.anthropic.reasoning import ThinkingPlan, plan_thinking
from proxy.dialects.anthropic.tables import (
    API_VERSION,
    MAX_STRICT_TOOLS,
    MAX_USER_ID_LENGTH,
    SERVICE_TIERS,
    SUPPORTED_PARAMS,
    TOOL_ID,
    TOOL_NAME,
    ModelCapabilities,
    model_capabilities,
)
from proxy.dialects.anthropic.tools import answer_format, tool_names, translate_tools
from proxy.dialects.anthropic.web_search import add_search, with_free_name
from proxy.dialects.coerce import text_of
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub import web_search
from proxy.dialects.hub.call_repair import repair_calls
from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.dialects.hub.params import IGNORABLE_PARAMS, check_essential, drop_warnings, is_default
from proxy.dialects.hub.response_format import format_kind
from proxy.dialects.hub.token_limit import clamped_limit, limit_warnings
from proxy.dialects.hub.tool_choice import non_function_tools, requires_call, strict_flags
from proxy.dialects.names import original_names, sanitize_names

PATHS = {"chat": "/v1/messages"}

_PERSONAL_DATA = re.compile(r".*@.*|\+?[\d\s().-]{7,}", re.DOTALL)


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build the request. Unsupported parameters are dropped with a warning. Raises InvalidRequestError."""
    body, model = call.body, call.family or call.model
    caps, plan = model_capabilities(model), _thinking(body, model)
    unsupported = unsupported_params(body, model)
    check_essential(unsupported)
    _check_types(body)
    provider_names = sanitize_names(tool_names(body), TOOL_NAME)
    searches = web_search.is_requested(body)
    provider_names = with_free_name(provider_names) if searches else provider_names
    answer = answer_tool(body, caps, provider_names)
    tools = translate_tools(body, provider_names, caps)
    tools = add_search(tools, body) if searches else tools
    conversation = Conversation(caps, provider_names, model if plan.is_on else None)
    for index, message in enumerate(repair_calls(body["messages"], TOOL_ID)):
        conversation.add(message, f"messages[{index}]")
    turns = conversation.to_turns()
    request = {
        "model": call.model,
        "max_tokens": _max_tokens(body, caps),
        "system": conversation.system or None,
        "messages": turns,
        **(tools if answer is None else answer.add_to(tools)),
        "thinking": plan.member,
        "output_config": _output_config(body, caps, plan),
        **_scalars(body, caps, plan),
        "cache_control": body.get("cache_control"),
        "stream": call.stream or None,
    }
    limit_breakpoints(request)
    return ProviderRequest(
        path=PATHS[call.endpoint],
        body=serialize_request({key: value for key, value in request.items() if value is not None}),
        headers={"anthropic-version": API_VERSION},
        warnings=_warnings(body, unsupported, caps),
        tool_names=original_names(provider_names) | ({answer.name: AS_TEXT} if answer else {}),
    )


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that this model does not support."""
    caps, plan = model_capabilities(model), _thinking(body, model)
    known = SUPPORTED_PARAMS | IGNORABLE_PARAMS
    names = [name for name, value in body.items() if name not in known and not is_default(name, value)]
    names += [name for name in _requested_sampling(body) if name not in _supported_sampling(body, caps, plan)]
    names += ["top_k"] if body.get("top_k") is not None and not _may_sample(caps, plan) else []
    names += ["service_tier"] if body.get("service_tier") and not _service_tier(body) else []
    names += ["tool_choice"] if requires_call(body.get("tool_choice")) and not caps.forced_tools else []
    names += [] if can_answer(body, caps) else ["response_format"]
    names += ["web_search_options"] if not _can_search(body, caps) else []
    names += ["strict"] if sum(strict_flags(body)) > (MAX_STRICT_TOOLS if caps.strict_tools else 0) else []
    return tuple(dict.fromkeys([*names, *plan.dropped, *non_function_tools(body)]))


def _can_search(body: Mapping[str, Any], caps: ModelCapabilities) -> bool:
    """Whether the request asks for no search, or the model can cite what it finds: not in JSON."""
    return not web_search.is_requested(body) or (caps.web_search and format_kind(body) == "text")


def _thinking(body: Mapping[str, Any], model: str) -> ThinkingPlan:
    forces_tool = requires_call(body.get("tool_choice")) or needs_tool(body, model_capabilities(model))
    return plan_thinking(body, model, forces_tool=forces_tool)


def _output_config(body: Mapping[str, Any], caps: ModelCapabilities, plan: ThinkingPlan) -> dict[str, Any] | None:
    """Return the schema of the answer, if the model has a format for it, and the effort."""
    config = answer_format(body) if caps.strict_tools else {}
    return config | ({"effort": plan.effort} if plan.effort else {}) or None


def _check_types(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("messages"), list):
        raise invalid_param("messages", "must be a list")
    for name, value in (*_requested_sampling(body).items(), ("top_k", body.get("top_k") or 0)):
        if not isinstance(value, (int, float)):
            raise invalid_param(name, "must be a number")
    if not isinstance(body.get("cache_control") or {}, dict):
        raise invalid_param("cache_control", "must be an object")


def _max_tokens(body: Mapping[str, Any], caps: ModelCapabilities) -> Any:
    limit = clamped_limit(body, _known_most(caps))
    return caps.max_tokens if limit is None else limit


def _known_most(caps: ModelCapabilities) -> int | None:
    return caps.max_tokens if caps.knows_maximum else None


def _scalars(body: Mapping[str, Any], caps: ModelCapabilities, plan: ThinkingPlan) -> dict[str, Any]:
    user = body.get("safety_identifier") or body.get("user")
    return {
        **{name: min(value, 1) for name, value in _supported_sampling(body, caps, plan).items()},
        "top_k": body.get("top_k") if _may_sample(caps, plan) else None,
        "stop_sequences": _stop_sequences(body.get("stop")),
        "metadata": {"user_id": _user_id(str(user))} if user else None,
        "service_tier": _service_tier(body),
    }


def _requested_sampling(body: Mapping[str, Any]) -> dict[str, float]:
    """Return `temperature` and `top_p` where they differ from their default, 1."""
    return {name: body[name] for name in ("temperature", "top_p") if body.get(name) not in (None, 1)}


def _supported_sampling(body: Mapping[str, Any], caps: ModelCapabilities, plan: ThinkingPlan) -> dict[str, float]:
    most = caps.max_sampling_params if _may_sample(caps, plan) else 0
    return dict(list(_requested_sampling(body).items())[:most])


def _may_sample(caps: ModelCapabilities, plan: ThinkingPlan) -> bool:
    """Whether the request may say how tokens are chosen."""
    return bool(caps.max_sampling_params) and not plan.restricts


def _stop_sequences(stop: Any) -> list[str] | None:
    """Return the stop sequences that are not blank. The API rejects blank ones."""
    listed = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise invalid_param("stop", "must be a string or a list of strings")
    return [item for item in listed if item.strip()] or None


def _service_tier(body: Mapping[str, Any]) -> str | None:
    return SERVICE_TIERS.get(text_of(body.get("service_tier")))


def _user_id(user: str) -> str:
    """Hash a user id that looks like an e-mail address or phone number: the API forbids personal data in it."""
    if len(user) > MAX_USER_ID_LENGTH or _PERSONAL_DATA.fullmatch(user):
        return hashlib.sha256(user.encode()).hexdigest()
    return user


def _warnings(body: Mapping[str, Any], unsupported: tuple[str, ...], caps: ModelCapabilities) -> tuple[str, ...]:
    stop = body.get("stop")
    stops_dropped = stop and len(_stop_sequences(stop) or ()) < (1 if isinstance(stop, str) else len(stop))
    temperature_clamped = "temperature" not in unsupported and _requested_sampling(body).get("temperature", 0) > 1
    return (
        *drop_warnings((*unsupported, "stop") if stops_dropped else unsupported),
        *drop_warnings(web_search.unexpressed_options(body, "user_location")),
        *(("param-clamped;name=temperature;value=1",) if temperature_clamped else ()),
        *limit_warnings(body, _known_most(caps)),
    )
