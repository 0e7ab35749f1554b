"""Simulation of OpenAI's API: routes, request validation, error envelope and rate-limit headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.sandbox.chat_rules import check_rules
from proxy.sandbox.contract import Call, Reply, SimulatedError, Simulation, json_reply, parse_json_object, with_headers
from proxy.sandbox.limits import MAX_TOOLS, check_length, check_maxima
from proxy.sandbox.openai_audio import speech
from proxy.sandbox.openai_chat import complete_chat
from proxy.sandbox.openai_endpoints import completions, embeddings, moderations
from proxy.sandbox.openai_files import kept_resource
from proxy.sandbox.openai_forms import FORM_ENDPOINTS
from proxy.sandbox.openai_images import images
from proxy.sandbox.openai_responses import responses
from proxy.sandbox.openai_rules import RULES
from proxy.sandbox.openai_stored import compact, input_tokens, stored_response

MODEL_SNAPSHOTS: Mapping[str, str] = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4": "gpt-4-0613",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o3": "o3-2025-04-16",
}
"""Alias of a model -> its dated name in the response. Other names are returned unchanged."""

_COUNTS = ("n", "best_of", "dimensions", "max_tokens", "max_completion_tokens", "max_output_tokens")
_ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    401: (
        "invalid_request_error",
        "invalid_api_key",
        "You didn't provide an API key. Send it as Authorization: Bearer.",
    ),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported.",
    ),
    429: ("requests", "rate_limit_exceeded", "Too many requests for this minute."),
    500: ("server_error", None, "The server had an error."),
    503: ("server_error", "server_is_overloaded", "The server is overloaded."),
}


def handle(call: Call) -> Reply:
    """Answer one request as OpenAI's API would."""
    if not call.headers.get("Authorization", "").startswith("Bearer "):
        raise SimulatedError(401)
    if call.method == "POST" and (takes_form := FORM_ENDPOINTS.get(call.path)) is not None:
        return with_headers(takes_form.answer(call), _headers(call))
    endpoint = _ENDPOINTS.get(call.path) if call.method == "POST" else None
    if endpoint is not None:
        body = parse_json_object(call)
        _check(body, endpoint)
        return with_headers(endpoint.handler(call, body), _headers(call))
    reply = (
        _models(call)
        if (call.method, call.path) == ("GET", "/v1/models")
        else stored_response(call) or kept_resource(call)
    )
    if reply is None:
        raise SimulatedError(404, f"Invalid URL ({call.method} {call.path})")
    return with_headers(reply, _headers(call))


def render_error(call: Call, error: SimulatedError) -> Reply:
    """Return the error in OpenAI's envelope."""
    fallback = "server_error" if error.status >= 500 else "invalid_request_error"
    kind, code, text = _ERRORS.get(error.status, (fallback, None, f"Status {error.status}."))
    body = {"message": error.message or text, "type": kind, "param": error.param, "code": error.code or code}
    return json_reply(error.status, rate_limit_headers(call), {"error": body})


def check_messages(messages: list[Any]) -> None:
    """Raise SimulatedError unless each message is an object with a role."""
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise SimulatedError(400, "Each message is an object with a role.", param=f"messages[{number}]")


def _chat(call: Call, body: Mapping[str, Any]) -> Reply:
    check_messages(body["messages"])
    model = body["model"]
    check_rules(body, RULES)
    envelope = {"service_tier": "default", "system_fingerprint": "fp_simulated"}
    return complete_chat(call, body, {"model": MODEL_SNAPSHOTS.get(model, model), **envelope})


def _models(call: Call) -> Reply:
    names = sorted({*MODEL_SNAPSHOTS, *MODEL_SNAPSHOTS.values()})
    models = [{"id": name, "object": "model", "created": int(call.now), "owned_by": call.provider} for name in names]
    return json_reply(200, {}, {"object": "list", "data": models})


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An endpoint and the members that its requests may and must have."""

    handler: Callable[[Call, Mapping[str, Any]], Reply]
    parameters: str
    """Allowed members, from the types of OpenAI's SDK (3.54). OpenAI rejects others as well."""
    required: Mapping[str, tuple[tuple[type, ...], str]]


_STRING: tuple[tuple[type, ...], str] = ((str,), "a string")
_LISTED: tuple[tuple[type, ...], str] = ((str, list), "a string or an array")


def _check(body: Mapping[str, Any], endpoint: _Endpoint) -> None:
    known = endpoint.parameters.split()
    for name in body:
        if name not in known:
            raise SimulatedError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    for name, (types, description) in endpoint.required.items():
        if not body.get(name):
            raise SimulatedError(400, f"Missing parameter: '{name}'.", param=name, code="missing_required_parameter")
        if not isinstance(body[name], types):
            raise SimulatedError(400, f"'{name}' must be {description}.", param=name, code="invalid_type")
    for name in _COUNTS:
        if body.get(name) is not None and (not isinstance(body[name], int) or body[name] < 1):
            raise SimulatedError(
                400, f"'{name}' must be a whole number from 1.", param=name, code="integer_below_min_value"
            )
    check_maxima(body)
    check_length(body, "tools", MAX_TOOLS)


def _headers(call: Call) -> dict[str, str]:
    return {"openai-processing-ms": "1", "openai-version": "2020-10-01", **rate_limit_headers(call)}


def rate_limit_headers(call: Call) -> dict[str, str]:
    """Return OpenAI's request id and rate-limit headers."""
    window = call.window
    left = max(0, window.token_limit - window.tokens)
    return {
        "x-request-id": f"req_{call.id(32)}",
        "x-ratelimit-limit-requests": str(window.request_limit),
        "x-ratelimit-limit-tokens": str(window.token_limit),
        "x-ratelimit-remaining-requests": str(max(0, window.request_limit - window.requests)),
        "x-ratelimit-remaining-tokens": str(left),
        "x-ratelimit-reset-requests": format_go_duration(window.resets_in_s),
        "x-ratelimit-reset-tokens": format_go_duration(window.resets_in_s),
    }


def format_go_duration(seconds: float) -> str:
    """Format seconds as Go does: `12ms`, `1.5s`, `6m0s`."""
    milliseconds = max(0, round(seconds * 1000))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    return (f"{minutes}m" if minutes else "") + f"{rest / 1000:g}s"


_ENDPOINTS: Mapping[str, _Endpoint] = {
    "/v1/chat/completions": _Endpoint(
        _chat,
        "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages"
        " metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key"
        " prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed"
        " service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity"
        " web_search_options",
        {"model": _STRING, "messages": ((list,), "an array of messages")},
    ),
    "/v1/completions": _Endpoint(
        completions,
        "best_of echo frequency_penalty logit_bias logprobs max_tokens model n presence_penalty prompt seed stop stream"
        " stream_options suffix temperature top_p user",
        {"model": _STRING, "prompt": _LISTED},
    ),
    "/v1/embeddings": _Endpoint(
        embeddings, "dimensions encoding_format input model user", {"model": _STRING, "input": _LISTED}
    ),
    "/v1/images/generations": _Endpoint(
        images,
        "background complexity frame_count frame_duration_ms model moderation n output_compression output_format"
        " partial_images prompt quality response_format safety_identifier size stream style svg user",
        {"prompt": _STRING},
    ),
    "/v1/moderations": _Endpoint(moderations, "input model", {"input": _LISTED}),
    "/v1/responses": _Endpoint(
        responses,
        "access_programs background background_options client_metadata context_management conversation image include"
        " input instructions max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls"
        " previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning"
        " safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs"
        " top_p truncation user",
        {"model": _STRING, "input": _LISTED},
    ),
    "/v1/responses/compact": _Endpoint(
        compact,
        "image input instructions model previous_response_id prompt_cache_key prompt_cache_options"
        " prompt_cache_retention service_tier",
        {"model": _STRING},
    ),
    "/v1/responses/input_tokens": _Endpoint(
        input_tokens,
        "conversation input instructions model parallel_tool_calls personality previous_response_id reasoning text"
        " tool_choice tools truncation",
        {},
    ),
    "/v1/audio/speech": _Endpoint(
        speech,
        "input instructions model response_format speed stream_format voice",
        {"model": _STRING, "input": _STRING, "voice": ((str, dict), "a string or an object")},
    ),
}

SIMULATION = Simulation(base_path="/v1", handle=handle, render_error=render_error)
