"""Simulation of OpenAI's images: one green pixel, as one body or as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, SimulatedError, event_reply, json_reply
from proxy.sandbox.model import PIXEL, count_tokens

_MAX_IMAGES = 10


def images(call: Call, body: Mapping[str, Any]) -> Reply:
    """Return the same image `n` times, or stream it after as many parts of it as are asked for."""
    model, n = str(body.get("model") or "dall-e-2"), body.get("n") or 1
    is_dall_e = model.startswith("dall-e")
    _check(body, model, n)
    prompt_tokens = count_tokens(body["prompt"])
    counts = {"input_tokens": prompt_tokens, "output_tokens": n, "total_tokens": prompt_tokens + n}
    usage = {**counts, "input_tokens_details": {"text_tokens": prompt_tokens, "image_tokens": 0}}
    if body.get("stream"):
        reply = event_reply(_events(call, body, usage))
    elif is_dall_e:
        reply = json_reply(200, {}, {"created": int(call.now), "data": [_dall_e_image(body, model)] * n})
    else:
        reply = json_reply(200, {}, {"created": int(call.now), "data": [{"b64_json": PIXEL}] * n, "usage": usage})
    return replace(reply, tokens=prompt_tokens + n)


def _check(body: Mapping[str, Any], model: str, n: int) -> None:
    """Raise SimulatedError for what the model does not have."""
    is_dall_e = model.startswith("dall-e")
    if n > (1 if model == "dall-e-3" else _MAX_IMAGES):
        raise SimulatedError(400, f"'n' is too high for {model}.", param="n", code="integer_above_max_value")
    if "response_format" in body and not is_dall_e:
        raise SimulatedError(
            400, "Unknown parameter: 'response_format'.", param="response_format", code="unknown_parameter"
        )
    if body.get("stream") and is_dall_e:
        raise SimulatedError(400, f"{model} does not stream.", param="stream", code="unsupported_value")
    if body.get("partial_images") and not body.get("stream"):
        message = "'partial_images' is only allowed when 'stream' is true."
        raise SimulatedError(400, message, param="partial_images", code="invalid_value")


def _dall_e_image(body: Mapping[str, Any], model: str) -> dict[str, str]:
    """Return an image. These models return a URL by default: here it is a data URL with the image."""
    as_url = body.get("response_format") != "b64_json"
    image = {"url": f"data:image/png;base64,{PIXEL}"} if as_url else {"b64_json": PIXEL}
    return image | ({"revised_prompt": body["prompt"]} if model == "dall-e-3" else {})


def _events(call: Call, body: Mapping[str, Any], usage: Mapping[str, Any]) -> Iterator[bytes]:
    about = {"created_at": int(call.now), "size": "1024x1024", "quality": "high", "background": "opaque"}
    image = {"b64_json": PIXEL, **about, "output_format": "png"}
    for index in range(body.get("partial_images") or 0):
        yield _event("image_generation.partial_image", {**image, "partial_image_index": index})
    yield _event("image_generation.completed", {**image, "usage": usage})


def _event(kind: str, members: Mapping[str, Any]) -> bytes:
    return sse.encode(orjson.dumps({"type": kind, **members}), kind)
