"""Translates requests for images to Gemini's, whose models draw in a conversation, and its answers back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.contract import CallerRequest, ProviderRequest, ResponseContext
from proxy.dialects.errors import error_response
from proxy.dialects.google import response, tables
from proxy.dialects.google.request import model_path
from proxy.dialects.google.safety import requested_settings
from proxy.dialects.hub.embeddings import in_parts
from proxy.dialects.hub.images import (
    Size,
    build_images,
    check_supported,
    requested_count,
    requested_prompt,
    requested_size,
    unsupported_image_params,
)
from proxy.dialects.hub.params import drop_warnings
from proxy.dialects.hub.success_body import parse_success_body
from proxy.errors import MalformedResponse

PATHS = {"images": "/v1beta/models/{model}:generateContent"}

_RATIOS: Mapping[str, float] = {
    "1:1": 1, "2:3": 2 / 3, "3:2": 3 / 2, "3:4": 3 / 4, "4:3": 4 / 3, "9:16": 9 / 16, "16:9": 16 / 9, "21:9": 21 / 9,
}  # fmt: skip
_ALMOST = 0.03
"""How far a ratio may be from the requested one without a warning."""
_SIZES = ((2_800, "4K"), (1_800, "2K"))
"""Pixels of the longer side, from which on a size is requested."""
_FINE = ("high", "hd")
"""Values of `quality` for which models that have sizes draw in 2K."""


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build a request for each image: Gemini draws one at a time. Raises InvalidRequestError."""
    body, size = call.body, requested_size(call.body)
    unsupported = unsupported_params(body, call.family or call.model)
    check_supported(unsupported)
    safety = requested_settings(call)
    ratio = None if size is None else _nearest_ratio(size)
    config = {"aspectRatio": ratio, "imageSize": _image_size(body, size, call.family or call.model)}
    given = {name: value for name, value in config.items() if value is not None}
    request = {
        "contents": [{"role": "user", "parts": [{"text": requested_prompt(body)}]}],
        "safetySettings": safety.settings,
        "generationConfig": {"responseModalities": ["IMAGE"], **({"imageConfig": given} if given else {})},
    }
    sent = orjson.dumps({name: value for name, value in request.items() if value})
    warnings = (*drop_warnings(unsupported), *safety.warnings, *_size_warnings(size, ratio))
    return in_parts([ProviderRequest(model_path(call, "generateContent"), sent)] * requested_count(body), warnings)


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that Gemini, or this model, does not support."""
    return unsupported_image_params(body, ("quality",) if _has_sizes(model) else ())


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Translate a 200 body. Raises UpstreamErrorResponse for a refusal, and MalformedResponse."""
    answer = parse_success_body(data, response.unwrap_list)
    candidates = response.candidates(answer)
    drawn = [part for candidate in candidates for part in response.parts(candidate) if _is_image(part)]
    if not drawn:
        raise _no_image(answer, candidates)
    image = object_of(drawn[-1]["inlineData"])
    counts = object_of(answer.get("usageMetadata"))
    usage = response.to_openai_usage(counts) if counts else None
    return build_images([text_of(image.get("data"))], text_of(image.get("mimeType")), usage, context)


def _is_image(part: Mapping[str, Any]) -> bool:
    """Whether it is a picture of the answer, and no draft of it."""
    image = object_of(part.get("inlineData"))
    return not part.get("thought") and bool(image.get("data")) and text_of(image.get("mimeType")).startswith("image/")


def _no_image(answer: Mapping[str, Any], candidates: list[dict[str, Any]]) -> Exception:
    """Return the error of an answer without a picture: the caller's, if a filter or the model has refused the prompt."""
    candidate = candidates[0] if candidates else {}
    reason = response.block_reason(answer)
    if reason is None and candidate and response.finish_reason(candidate) == "content_filter":
        text = "".join(text_of(part.get("text")) for part in response.parts(candidate))
        name = text_of(candidate.get("finishReason"))
        reason = response.refusal(candidate) or text or f"The image was not generated: {name}"
    if reason is None:
        return MalformedResponse("the provider answered 200 without an image")
    return error_response(400, {}, reason, code="content_policy_violation", param="prompt")


def _has_sizes(model: str) -> bool:
    return tables.generation(model) >= tables.GEMINI_3


def _image_size(body: Mapping[str, Any], size: Size | None, model: str) -> str | None:
    if not _has_sizes(model):
        return None
    by_pixels = next((name for least, name in _SIZES if size and max(size) >= least), None)
    return by_pixels or ("2K" if body.get("quality") in _FINE else None)


def _nearest_ratio(size: Size) -> str:
    return min(_RATIOS, key=lambda name: _distance(size, name))


def _distance(size: Size, name: str) -> float:
    return abs(math.log(size.width / size.height / _RATIOS[name]))


def _size_warnings(size: Size | None, ratio: str | None) -> tuple[str, ...]:
    if size is None or ratio is None or _distance(size, ratio) <= _ALMOST:
        return ()
    return (f"param-clamped;name=size;value={ratio}",)
