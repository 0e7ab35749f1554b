"""Meta's Model API, simulated; any other OpenAI-shaped host too, so what it does not know it passes over."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.sandbox import openai
from proxy.sandbox.chat import chat
from proxy.sandbox.contract import Call, Rejected, Reply, Simulation, headed, json_reply, parsed

MODELS = ("Llama-4-Maverick-17B-128E-Instruct-FP8", "Llama-4-Scout-17B-16E-Instruct-FP8", "Llama-3.3-70B-Instruct")

_REQUIRED: Mapping[str, tuple[type, str]] = {"model": (str, "a string"), "messages": (list, "an array of messages")}


def answer(call: Call) -> Reply:
    """What the host would answer."""
    if not call.headers.get("Authorization", "").startswith("Bearer "):
        raise Rejected(401)
    handler = _ROUTES.get((call.method, call.path))
    if handler is None:
        raise Rejected(404, "Not Found")
    return headed(handler(call), openai.limits(call))


def _chat(call: Call) -> Reply:
    body = parsed(call)
    for name, (kind, words) in _REQUIRED.items():
        if not isinstance(body.get(name), kind) or not body[name]:
            raise Rejected(400, f"'{name}' must be {words}.", param=name)
    openai.check_messages(body["messages"])
    return chat(call, body, {"model": body["model"]})


def _models(call: Call) -> Reply:
    models = [{"id": name, "object": "model", "created": int(call.now), "owned_by": call.provider} for name in MODELS]
    return json_reply(200, {}, {"object": "list", "data": models})


_ROUTES = {("POST", "/v1/chat/completions"): _chat, ("GET", "/v1/models"): _models}

SIMULATION = Simulation(base_path="/v1", answer=answer, reject=openai.reject)
