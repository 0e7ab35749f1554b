"""Simulation of an OpenAI-compatible host, such as Meta's Model API. Unknown members are ignored, but not in messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.sandbox import openai
from proxy.sandbox.chat_rules import check_rules
from proxy.sandbox.compatible_rules import RULES
from proxy.sandbox.contract import Call, Reply, SimulatedError, Simulation, json_reply, parse_json_object, with_headers
from proxy.sandbox.limits import check_maxima
from proxy.sandbox.openai_audio import speech
from proxy.sandbox.openai_chat import complete_chat
from proxy.sandbox.openai_endpoints import completions, embeddings, moderations
from proxy.sandbox.openai_forms import FORM_ENDPOINTS
from proxy.sandbox.openai_images import images

MODELS = ("Llama-4-Maverick-17B-128E-Instruct-FP8", "Llama-4-Scout-17B-16E-Instruct-FP8", "Llama-3.3-70B-Instruct")

_REQUIRED: Mapping[str, tuple[type, str]] = {"model": (str, "a string"), "messages": (list, "an array of messages")}


def handle(call: Call) -> Reply:
    """Answer one request as an OpenAI-compatible host would."""
    if not call.headers.get("Authorization", "").startswith("Bearer "):
        raise SimulatedError(401)
    handler = _ROUTES.get((call.method, call.path))
    if handler is None:
        raise SimulatedError(404, "Not Found")
    return with_headers(handler(call), openai.rate_limit_headers(call))


def _passed(handler: Callable[[Call, Mapping[str, Any]], Reply], *required: str) -> Callable[[Call], Reply]:
    """Return what answers as OpenAI does, but ignores unknown members."""

    def answer(call: Call) -> Reply:
        body = parse_json_object(call)
        for name in ("model", *required):
            if not body.get(name):
                raise SimulatedError(400, f"Missing parameter: '{name}'.", param=name)
        return handler(call, body)

    return answer


def _chat(call: Call) -> Reply:
    body = parse_json_object(call)
    for name, (expected, description) in _REQUIRED.items():
        if not isinstance(body.get(name), expected) or not body[name]:
            raise SimulatedError(400, f"'{name}' must be {description}.", param=name)
    openai.check_messages(body["messages"])
    check_maxima(body)
    check_rules(body, RULES)
    return complete_chat(call, body, {"model": body["model"]})


def _models(call: Call) -> Reply:
    models = [{"id": name, "object": "model", "created": int(call.now), "owned_by": call.provider} for name in MODELS]
    return json_reply(200, {}, {"object": "list", "data": models})


_ROUTES: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
    ("POST", "/v1/audio/speech"): _passed(speech, "input", "voice"),
    ("POST", "/v1/chat/completions"): _chat,
    ("POST", "/v1/completions"): _passed(completions, "prompt"),
    ("POST", "/v1/embeddings"): _passed(embeddings, "input"),
    ("POST", "/v1/images/generations"): _passed(images, "prompt"),
    ("POST", "/v1/moderations"): _passed(moderations, "input"),
    ("GET", "/v1/models"): _models,
    **{("POST", path): endpoint.answer for path, endpoint in FORM_ENDPOINTS.items()},
}

SIMULATION = Simulation(base_path="/v1", handle=handle, render_error=openai.render_error)
