"""What Gemini refuses in a request besides unknown members: rules, each with the message of its error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from proxy.sandbox.contract import SimulatedError


class Asked(NamedTuple):
    """What is asked of which model."""

    body: Mapping[str, Any]
    model: str

    @property
    def config(self) -> Mapping[str, Any]:
        """The `generationConfig`."""
        return self.body.get("generationConfig") or {}


_GENERATION = re.compile(r"gemini-(\d+)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_MEDIA = re.compile(r"(?:image/(?:png|jpeg|webp|heic|heif|gif)|audio/\S+|video/\S+|application/pdf|text/\S+)")
_STORED = re.compile(r"gs://|https://generativelanguage\.googleapis\.com/|https://(?:www\.)?youtu(?:\.be|be\.com)/")
_UNFETCHED = re.compile(r"audio/|video/|image/(?:gif|hei[cf])")
_WITHOUT_INSTRUCTION = re.compile(r"gemma-[123](?!\d)")
_ASPECT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9")
_IMAGE_SIZES = ("1K", "2K", "4K")
_MOST_TOKENS = 65_536
_MAX_STOPS = 5
_RANGES: Mapping[str, tuple[float, float]] = {"temperature": (0, 2), "topP": (0, 1), "seed": (-(2**31), 2**31 - 1)}
_PENALTIES = ("presencePenalty", "frequencyPenalty")


def check_rules(body: Mapping[str, Any], model: str) -> None:
    """Raise SimulatedError for the first rule that a request breaks."""
    asked = Asked(body, model)
    for is_broken, message in RULES:
        if is_broken(asked):
            raise SimulatedError(400, message)


def is_gemini_3_or_later(model: str) -> bool:
    """Whether the model is Gemini 3 or later, or its name has no number.

    These models give function calls an id, require thought signatures and allow one candidate only.
    """
    match = _GENERATION.search(model)
    return match is None or int(match[1]) >= 3


def _parts(asked: Asked) -> Iterator[Mapping[str, Any]]:
    for content in asked.body["contents"]:
        yield from content["parts"]


def _names(asked: Asked) -> Iterator[str]:
    for tool in asked.body.get("tools") or ():
        yield from (str(each.get("name")) for each in tool.get("functionDeclarations") or ())
    yield from (str(part["functionCall"].get("name")) for part in _parts(asked) if "functionCall" in part)


def _has_open_call(asked: Asked) -> bool:
    """Whether a turn with calls is not followed by a turn with responses."""
    turns = [
        [part for content in turn for part in content["parts"]]
        for _, turn in groupby(asked.body["contents"], lambda content: content.get("role", "user"))
    ]
    return any(
        _has("functionCall", turn) and not _has("functionResponse", after) for turn, after in pairwise([*turns, []])
    )


def _has(name: str, parts: list[Mapping[str, Any]]) -> bool:
    return any(name in part for part in parts)


def _has_other_media(asked: Asked) -> bool:
    inline = [part["inlineData"] for part in _parts(asked) if "inlineData" in part]
    return any(not _MEDIA.fullmatch(data.get("mimeType", "")) for data in inline)


def _has_other_uri(asked: Asked) -> bool:
    uris = [str(part["fileData"].get("fileUri")) for part in _parts(asked) if "fileData" in part]
    return not all(uri.startswith(("https://", "gs://")) for uri in uris)


def _fetches_other_media(asked: Asked) -> bool:
    """Whether a file that Google would have to fetch has a type that it does not fetch."""
    files = [part["fileData"] for part in _parts(asked) if "fileData" in part]
    fetched = [file for file in files if not _STORED.match(str(file.get("fileUri")))]
    return any(_UNFETCHED.match(str(file.get("mimeType"))) for file in fetched)


def draws(body: Mapping[str, Any]) -> bool:
    """Whether a request asks for a picture."""
    return "IMAGE" in ((body.get("generationConfig") or {}).get("responseModalities") or ())


def _has_other_image_config(asked: Asked) -> bool:
    """Whether the shape or the size of a picture is one that the model does not draw."""
    config = asked.config.get("imageConfig") or {}
    size = config.get("imageSize")
    has_size = size is None or (size in _IMAGE_SIZES and is_gemini_3_or_later(asked.model))
    return not has_size or config.get("aspectRatio", "1:1") not in _ASPECT_RATIOS


def _has_json_with_tools(asked: Asked) -> bool:
    is_json = asked.config.get("responseMimeType") == "application/json"
    return is_json and any(_names(asked)) and bool(asked.body.get("tools")) and not is_gemini_3_or_later(asked.model)


def _has_both(config: Mapping[str, Any], first: str, second: str) -> bool:
    return None not in (config.get(first), config.get(second))


def _is_out_of_range(asked: Asked) -> bool:
    return any(not low <= (asked.config.get(name) or 0) <= high for name, (low, high) in _RANGES.items())


def searches(body: Mapping[str, Any]) -> bool:
    """Whether a request has Google's search."""
    return any("googleSearch" in tool for tool in body.get("tools") or ())


def _has_json_with_search(asked: Asked) -> bool:
    is_json = asked.config.get("responseMimeType") == "application/json"
    return is_json and searches(asked.body) and not is_gemini_3_or_later(asked.model)


RULES: tuple[tuple[Callable[[Asked], bool], str], ...] = (
    (
        lambda asked: (
            searches(asked.body) and any("functionDeclarations" in tool for tool in asked.body.get("tools") or ())
        ),
        "Tool use with function calling is unsupported",
    ),
    (_has_json_with_search, "Tool use with a response mime type: 'application/json' is unsupported"),
    (
        lambda asked: not 1 <= asked.config.get("maxOutputTokens", 1) <= _MOST_TOKENS,
        "Unable to submit request because it has a maxOutputTokens value out of the supported range,"
        f" which is from 1 (inclusive) to {_MOST_TOKENS + 1} (exclusive).",
    ),
    (_is_out_of_range, f"A value of generation_config is out of its range: {', '.join(_RANGES)}"),
    (
        lambda asked: len(asked.config.get("stopSequences") or ()) > _MAX_STOPS,
        f"The number of stop sequences must be at most {_MAX_STOPS}.",
    ),
    (
        lambda asked: is_gemini_3_or_later(asked.model) and any(asked.config.get(name) for name in _PENALTIES),
        "Penalty is not enabled for this model",
    ),
    (
        lambda asked: _has_both(asked.config.get("thinkingConfig") or {}, "thinkingBudget", "thinkingLevel"),
        "You can only set one of thinking budget and thinking level.",
    ),
    (
        lambda asked: _has_both(asked.config, "responseSchema", "responseJsonSchema"),
        "response_schema and response_json_schema exclude each other.",
    ),
    (_has_json_with_tools, "Function calling with a response mime type: 'application/json' is unsupported"),
    (
        lambda asked: bool(asked.body.get("systemInstruction")) and bool(_WITHOUT_INSTRUCTION.search(asked.model)),
        "Developer instruction is not enabled for this model",
    ),
    (
        lambda asked: not all(map(_NAME.fullmatch, _names(asked))),
        "Invalid function name. Must start with a letter or an underscore, with a maximum length of 128.",
    ),
    (_has_open_call, "Please ensure that a function call turn is followed immediately by a function response turn."),
    (
        lambda asked: any(
            not isinstance(part.get("functionResponse", {}).get("response", {}), dict) for part in _parts(asked)
        ),
        "Invalid value at 'function_response.response' (type.googleapis.com/google.protobuf.Struct)",
    ),
    (_has_other_image_config, "Invalid value at 'generation_config.image_config'."),
    (_has_other_uri, "Invalid or unsupported file uri"),
    (_fetches_other_media, "Unsupported MIME type of the content at an external URL."),
    (_has_other_media, "Unsupported MIME type in inline_data."),
)
"""Pairs of a check, which is true for an invalid request, and the error message."""
