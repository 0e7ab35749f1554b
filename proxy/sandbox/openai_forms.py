"""Parses the forms that a simulated OpenAI receives, and answers the endpoints that take them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, SimulatedError, check_model, event_reply, json_reply
from proxy.sandbox.model import count_tokens
from proxy.sandbox.openai_images import images

_BOUNDARY = re.compile(r'multipart/form-data; ?boundary="?([^";]+)"?')
_PART = re.compile(
    rb'Content-Disposition: form-data; name="([^"]+)"(?:; filename="([^"]*)")?(?:\r\n|\Z)', re.IGNORECASE
)
_TEXT_FORMATS: Mapping[str, str] = {
    "text": "{text}\n",
    "srt": "1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n",
    "vtt": "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n",
}


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form."""

    name: str
    content: bytes


Form = Mapping[str, list[str | FormFile]]


def parse_form(call: Call) -> Form:
    """Return the parts of a form by their name, without the `[]` of a list. Raises SimulatedError if it is not well-formed."""
    found = _BOUNDARY.match(call.headers.get("Content-Type", ""))
    if found is None:
        raise SimulatedError(400, "We could not parse your request: expected multipart/form-data with a boundary.")
    first, *parts = (b"\r\n" + call.body).split(b"\r\n--" + found[1].encode())
    if first or not parts or parts.pop() not in (b"--", b"--\r\n"):
        raise SimulatedError(400, "We could not parse the form: it must begin and end with its boundary.")
    form: dict[str, list[str | FormFile]] = {}
    for part in parts:
        head, blank, content = part.partition(b"\r\n\r\n")
        named = _PART.search(head)
        if not (head.startswith(b"\r\n") and blank and named):
            raise SimulatedError(400, "We could not parse the form: a part has no name.")
        value = content.decode() if named[2] is None else FormFile(named[2].decode(), content)
        form.setdefault(named[1].decode().removesuffix("[]"), []).append(value)
    return form


def transcribe(call: Call, form: Form) -> Reply:
    """Return a text that tells the size and the digest of the file."""
    [file] = form["file"]
    assert isinstance(file, FormFile)
    task = "translated" if call.path.endswith("/translations") else "heard"
    text = f"{call.provider} {task} {file.name}: {len(file.content)} bytes, {digest(file.content)}"
    tokens = count_tokens(text)
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": tokens, "total_tokens": 14 + tokens}
    if _text(form, "stream") in ("true", "1"):
        return replace(event_reply(map(_event, _transcript_events(text, usage))), tokens=14 + tokens)
    kind = _text(form, "response_format") or "json"
    if kind in _TEXT_FORMATS:
        return Reply(
            200, {"content-type": "text/plain; charset=utf-8"}, (_TEXT_FORMATS[kind].format(text=text).encode(),)
        )
    if kind not in ("json", "verbose_json"):
        raise SimulatedError(400, f"Unknown response_format: '{kind}'.", param="response_format")
    return replace(json_reply(200, {}, {"text": text, "usage": usage}), tokens=14 + tokens)


def _transcript_events(text: str, usage: Mapping[str, Any]) -> list[dict[str, Any]]:
    deltas = [{"type": "transcript.text.delta", "delta": f"{word} "} for word in text.split()]
    return [*deltas, {"type": "transcript.text.done", "text": text, "usage": usage}]


def _event(event: Mapping[str, Any]) -> bytes:
    return sse.encode(orjson.dumps(event))


def change_image(call: Call, form: Form) -> Reply:
    """Return an image, as for a generation."""
    n = _text(form, "n") or "1"
    if not n.isdecimal():
        raise SimulatedError(400, "'n' must be a whole number.", param="n", code="invalid_type")
    members = {
        "model": _text(form, "model") or "dall-e-2",
        "n": int(n),
        "prompt": _text(form, "prompt") or "a variation",
    }
    form_options = {name: _text(form, name) for name in ("response_format",) if name in form}
    return images(call, {**members, **form_options})


def digest(content: bytes) -> str:
    """Return what stands for the content of a file in an answer."""
    return hashlib.sha256(content).hexdigest()[:16]


def _text(form: Form, name: str) -> str | None:
    value = form.get(name, [None])[0]
    return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class FormEndpoint:
    """An endpoint and the fields that its forms may have, and the files and texts that they must have."""

    handler: Callable[[Call, Form], Reply]
    fields: str
    required: tuple[str, ...]
    file: str = "file"

    def answer(self, call: Call) -> Reply:
        """Answer a form. Raises SimulatedError for a field that is unknown or missing."""
        form = parse_form(call)
        for name in form:
            if name not in self.fields.split():
                raise SimulatedError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        for name in self.required:
            if not _text(form, name):
                raise SimulatedError(
                    400, f"Missing parameter: '{name}'.", param=name, code="missing_required_parameter"
                )
        if not all(isinstance(each, FormFile) for each in form.get(self.file) or [""]):
            raise SimulatedError(400, f"'{self.file}' must be a file.", param=self.file)
        check_model(_text(form, "model"))
        return self.handler(call, form)


FORM_ENDPOINTS: Mapping[str, FormEndpoint] = {
    "/v1/audio/transcriptions": FormEndpoint(
        transcribe,
        "chunking_strategy file include known_speaker_names known_speaker_references language model prompt response_format"
        " stream temperature timestamp_granularities",
        ("model",),
    ),
    "/v1/audio/translations": FormEndpoint(transcribe, "file model prompt response_format temperature", ("model",)),
    "/v1/images/edits": FormEndpoint(
        change_image,
        "background image input_fidelity mask model n output_compression output_format partial_images prompt quality"
        " response_format size stream user",
        ("prompt",),
        "image",
    ),
    "/v1/images/variations": FormEndpoint(change_image, "image model n response_format size user", (), "image"),
}
