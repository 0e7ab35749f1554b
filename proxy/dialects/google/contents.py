"""A conversation in OpenAI's messages, as Gemini's contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from proxy.dialects.google.tables import GEMINI_3, MEDIA_TYPES, SKIP_SIGNATURE_VALIDATOR
from proxy.dialects.hub.content import (
    content_parts,
    invalid_param,
    parse_arguments,
    parse_data_url,
    parse_image,
    part_text,
    text_content,
)

Part = dict[str, Any]
Content = dict[str, Any]

_SYSTEM = ("system", "developer")
_BLANK: Part = {"text": " "}
# What the Developer API fetches by itself; it fetches no other URL.
_FILE_HOSTS = ("generativelanguage.googleapis.com", "youtube.com", "www.youtube.com", "youtu.be")


def conversation(messages: Any, told: Mapping[str, str], generation: int) -> tuple[list[Part], list[Content]]:
    """`systemInstruction`'s parts and the contents; `told` has the tools' names. Raises InvalidRequestError."""
    if not isinstance(messages, list) or not messages:
        raise invalid_param("messages", "must be a list of at least one message")
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    lead = next((index for index, role in enumerate(roles) if role not in _SYSTEM), len(roles))
    system = [_said(message, f"messages[{index}]") for index, message in enumerate(messages[:lead])]
    turns = ContentsBuilder(told, generation)
    for index, role in enumerate(roles[lead:], lead):
        turns.add(role, messages[index], f"messages[{index}]")
    return [{"text": said} for said in system if said], turns.build()


def _said(message: Mapping[str, Any], where: str) -> str:
    return text_content(message.get("content"), f"{where}.content")


class ContentsBuilder:
    """Contents as they grow: the user begins, roles alternate, and tool results stand together, in the calls' order."""

    def __init__(self, told: Mapping[str, str], generation: int) -> None:
        self._told = told
        self._newest = generation >= GEMINI_3
        self._contents: list[Content] = []
        self._count = 0
        self._calls: dict[str, tuple[int, str]] = {}
        self._results: dict[int, Part] = {}

    def add(self, role: Any, message: Mapping[str, Any], where: str) -> None:
        """One message more."""
        if role in ("tool", "function"):
            return self._result(message, where, legacy=role == "function")
        if role not in ("user", "assistant", *_SYSTEM):
            raise invalid_param(f"{where}.role", "must be one of system, developer, user, assistant, tool")
        self._settle()
        if role == "assistant":
            return self._speak("model", self._model(message, where))
        self._speak("user", _user(message, where))

    def build(self) -> list[Content]:
        """All of them; Gemini takes no conversation that is empty or that the model begins."""
        self._settle()
        if not self._contents or self._contents[0]["role"] == "model":
            return [{"role": "user", "parts": [_BLANK]}, *self._contents]
        return self._contents

    def _speak(self, role: str, said: list[Part]) -> None:
        last = self._contents[-1] if self._contents else None
        # Results keep a content of their own: their number must be that of the calls before them.
        if last and last["role"] == role and not (role == "user" and "functionResponse" in last["parts"][0]):
            last["parts"] += said
        elif said:
            self._contents.append({"role": role, "parts": said})

    def _settle(self) -> None:
        if self._results:
            self._contents.append({"role": "user", "parts": [self._results[place] for place in sorted(self._results)]})
            self._results = {}

    def _model(self, message: Mapping[str, Any], where: str) -> list[Part]:
        spoken = _said(message, where) or message.get("refusal")
        calls = message.get("tool_calls") or []
        if legacy := message.get("function_call"):
            calls = [{"function": legacy}]
        if not isinstance(calls, list):
            raise invalid_param(f"{where}.tool_calls", "must be a list")
        said = [{"text": spoken}] if spoken else []
        return said + [self._call(call, place, f"{where}.tool_calls[{place}]") for place, call in enumerate(calls)]

    def _call(self, call: Any, place: int, where: str) -> Part:
        given = parse_arguments(call, where)
        name = call["function"]["name"]
        id = str(call.get("id") or name)
        self._count += 1
        self._calls[id] = (self._count, name)
        made: Part = {"functionCall": {**self._identity(id), "name": self._told.get(name, name), "args": given}}
        # Only the first of parallel calls is signed; Gemini 3 refuses a turn whose first call is not.
        signature = _signature(call) or (SKIP_SIGNATURE_VALIDATOR if self._newest and place == 0 else None)
        return made | ({"thoughtSignature": signature} if signature else {})

    def _result(self, message: Mapping[str, Any], where: str, legacy: bool) -> None:
        member = "name" if legacy else "tool_call_id"
        id = message.get(member)
        if not isinstance(id, str) or id not in self._calls:
            raise invalid_param(f"{where}.{member}", "answers no tool call of an earlier assistant message")
        place, name = self._calls[id]
        answered = {
            **self._identity(id),
            "name": self._told.get(name, name),
            "response": _response(_said(message, where)),
        }
        self._results[place] = {"functionResponse": answered}

    def _identity(self, id: str) -> dict[str, str]:
        return {"id": id} if self._newest else {}


def _response(said: str) -> dict[str, Any]:
    """An object as it is; anything else under `output`, and a number as the text it was."""
    try:
        parsed = orjson.loads(said)
    except orjson.JSONDecodeError:
        return {"output": said}
    if isinstance(parsed, dict):
        return parsed
    return {"output": parsed if isinstance(parsed, list) else said}


def _signature(call: Mapping[str, Any]) -> str | None:
    value: Any = call
    for member in ("extra_content", "google", "thought_signature"):
        value = value.get(member) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def _user(message: Mapping[str, Any], where: str) -> list[Part]:
    """A user's parts, at least one text among them: some models refuse a picture without a word."""
    said = [
        _part(part, f"{where}.content[{index}]")
        for index, part in enumerate(content_parts(message.get("content"), f"{where}.content"))
        if part_text(part) != ""
    ]
    return said if any("text" in part for part in said) else [*said, _BLANK]


def _part(part: dict[str, Any], where: str) -> Part:
    written = part_text(part)
    if written is not None:
        return {"text": written}
    reader = _PARTS.get(part["type"])
    if reader is None:
        raise invalid_param(where, f"Gemini takes no part of type {part['type']!r}")
    return reader(part, where)


def _image(part: dict[str, Any], where: str) -> Part:
    picture = parse_image(part, where, ("https", "gs"))
    return (
        _inline(picture.media_type, picture.data) if picture.data else _file_at(picture.url, f"{where}.image_url.url")
    )


def _audio(part: dict[str, Any], where: str) -> Part:
    sound = part.get("input_audio")
    kind = MEDIA_TYPES.get(str(sound.get("format"))) if isinstance(sound, dict) else None
    if not isinstance(sound, dict) or kind is None or not isinstance(sound.get("data"), str):
        raise invalid_param(f"{where}.input_audio", "must have `data` (base64) and a `format`: wav or mp3")
    return _inline(kind, sound["data"])


def _file(part: dict[str, Any], where: str) -> Part:
    file = part.get("file")
    data, uri = (file.get("file_data"), file.get("file_id")) if isinstance(file, dict) else (None, None)
    if isinstance(data, str):
        return _inline(*parse_data_url(data, f"{where}.file.file_data"))
    return _file_at(str(uri), f"{where}.file.file_id")


def _inline(media_type: str, data: str) -> Part:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _file_at(uri: str, where: str) -> Part:
    """A file that Google has or gets by itself."""
    try:
        address = urlsplit(uri)
    except ValueError as error:
        raise invalid_param(where, "is no URL") from error
    if address.scheme != "gs" and not (address.scheme == "https" and address.hostname in _FILE_HOSTS):
        raise invalid_param(where, "Gemini fetches no URL: send a data: URL, a gs:// URI or one of its Files API")
    kind = MEDIA_TYPES.get(address.path.rpartition(".")[2].lower())
    return {"fileData": {"fileUri": uri} | ({"mimeType": kind} if kind else {})}


_PARTS: Mapping[str, Callable[[dict[str, Any], str], Part]] = {
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}
