"""Reads a request for images in OpenAI's format, for providers that generate them in another one, and builds the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.params import IGNORABLE_PARAMS, check_essential

MAX_IMAGES = 10

ESSENTIAL_PARAMS = ("stream", "background")
"""Parameters that change what kind of answer is requested. Others are dropped where a provider lacks them."""

_WITHOUT_EFFECT: Mapping[str, tuple[Any, ...]] = {
    "background": ("auto", "opaque"),
    "moderation": ("auto",),
    "output_compression": (100,),
    "output_format": ("png",),
    "partial_images": (0,),
    "quality": ("auto", "standard", "low", "medium"),
    "response_format": ("b64_json",),
    "stream": (False,),
}
"""Values that ask for nothing more than what every provider does."""
_ALWAYS_READ = frozenset({"model", "prompt", "n", "size", "safety_settings"}) | IGNORABLE_PARAMS
_SIZE = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def essential_image_params(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the essential parameters that have an effect, or {} if there are none."""
    return {name: body[name] for name in ESSENTIAL_PARAMS if _has_effect(name, body.get(name))}


def unsupported_image_params(body: Mapping[str, Any], supported: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the parameters with an effect that are neither read by every dialect nor `supported`."""
    known = _ALWAYS_READ.union(supported)
    return tuple(name for name, value in body.items() if name not in known and _has_effect(name, value))


def check_supported(unsupported: Iterable[str]) -> None:
    """Raise InvalidRequestError if one of these parameters must not be dropped."""
    check_essential(unsupported, ESSENTIAL_PARAMS)


def requested_prompt(body: Mapping[str, Any]) -> str:
    """Return the prompt. Raises InvalidRequestError."""
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise invalid_param("prompt", "must be a string")
    return prompt


def requested_count(body: Mapping[str, Any]) -> int:
    """Return the number of images. Raises InvalidRequestError."""
    count = 1 if body.get("n") is None else body["n"]
    if not isinstance(count, int) or not 1 <= count <= MAX_IMAGES:
        raise invalid_param("n", f"must be a whole number from 1 to {MAX_IMAGES}")
    return count


def requested_size(body: Mapping[str, Any]) -> Size | None:
    """Return the size, None if the provider may choose. Raises InvalidRequestError."""
    size = body.get("size")
    if size in (None, "auto"):
        return None
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        raise invalid_param("size", "must be auto, or width and height in pixels such as 1024x1024")
    return Size(int(found[1]), int(found[2]))


def _has_effect(name: str, value: Any) -> bool:
    return value is not None and value not in _WITHOUT_EFFECT.get(name, ())


def build_images(
    images: Sequence[str], media_type: str, usage: Mapping[str, Any] | None, context: ResponseContext
) -> bytes:
    """Return the answer with these images (base64), and record it in the context. `usage` has the counts of a chat."""
    state = context.answer
    state.model, state.done, state.usage = context.model, True, dict(usage) if usage else None
    members = {
        "created": context.created,
        "data": [{"b64_json": image} for image in images],
        "output_format": media_type.removeprefix("image/"),
        **({"usage": _image_usage(usage)} if usage else {}),
        "provider": context.provider,
    }
    return orjson.dumps(members)


def _image_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts under the names that answers with images have."""
    prompt, output = usage["prompt_tokens"], usage["completion_tokens"]
    return {
        "input_tokens": prompt,
        "output_tokens": output,
        "total_tokens": prompt + output,
        "input_tokens_details": {"text_tokens": prompt, "image_tokens": 0},
    }


def join_images(data: bytes) -> bytes:
    """Return one answer in place of a JSON array of the answers to a request's parts."""
    answers = orjson.loads(data)
    images = [image for answer in answers for image in answer["data"]]
    usages = [answer["usage"] for answer in answers if "usage" in answer]
    usage = {"usage": _sum(usages)} if len(usages) == len(answers) else {}
    return orjson.dumps(
        {**{name: value for name, value in answers[0].items() if name != "usage"}, "data": images, **usage}
    )


def _sum(usages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums of counts, at any depth."""
    first = usages[0]
    return {
        name: _sum([each[name] for each in usages])
        if isinstance(first[name], dict)
        else sum(each[name] for each in usages)
        for name in first
    }
