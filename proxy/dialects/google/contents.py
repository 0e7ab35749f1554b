"""Translates OpenAI's messages into Gemini's `systemInstruction` and `contents`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.google.parts import Part, to_part
from proxy.dialects.google.signatures import thought_signature
from proxy.dialects.google.tables import GEMINI_3, SKIP_SIGNATURE_VALIDATOR
from proxy.dialects.hub.call_repair import repair_calls
from proxy.dialects.hub.content import (
    MAX_VALUES_IN_TEXT,
    arguments_json,
    content_parts,
    invalid_param,
    part_text,
    text_content,
)
from proxy.errors import InvalidRequestError
from proxy.json_values import count_values

Content = dict[str, Any]

_SYSTEM_ROLES = ("system", "developer")
_BLANK: Part = {"text": " "}


def translate_messages(
    messages: Any, provider_names: Mapping[str, str], generation: int
) -> tuple[list[Part], list[Content]]:
    """Translate messages into the parts of `systemInstruction` and the contents.

    `provider_names` maps the caller's tool names to the provider's. Raises InvalidRequestError.
    """
    if not isinstance(messages, list) or not messages:
        raise invalid_param("messages", "must be a list of at least one message")
    messages = repair_calls(messages)
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    system_count = next((index for index, role in enumerate(roles) if role not in _SYSTEM_ROLES), len(roles))
    system = [_text(message, f"messages[{index}]") for index, message in enumerate(messages[:system_count])]
    builder = ContentsBuilder(provider_names, generation)
    for index, role in enumerate(roles[system_count:], system_count):
        builder.add(role, messages[index], f"messages[{index}]")
    return [{"text": text} for text in system if text], builder.build()


def _text(message: Mapping[str, Any], where: str) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else text_content(content, f"{where}.content")


class ContentsBuilder:
    """Builds contents as Gemini requires them: the user first, roles alternating, tool results together in the calls' order."""

    def __init__(self, provider_names: Mapping[str, str], generation: int) -> None:
        self._provider_names = provider_names
        self._is_gemini_3 = generation >= GEMINI_3
        self._contents: list[Content] = []
        self._call_count = 0
        self._calls: dict[str, tuple[int, str]] = {}
        """Call id -> position among all calls, and the caller's tool name."""
        self._results: dict[int, Part] = {}
        """Results not yet added to the contents, by the position of their call."""
        self._media: list[Part] = []
        """Images and files of these results that cannot be in them."""

    def add(self, role: Any, message: Mapping[str, Any], where: str) -> None:
        """Add the next message, found at the path `where`. Raises InvalidRequestError if it is invalid."""
        if role == "tool":
            return self._add_result(message, where)
        if role not in ("user", "assistant", *_SYSTEM_ROLES):
            raise invalid_param(f"{where}.role", "must be one of system, developer, user, assistant, tool")
        self._flush_results()
        if role == "assistant":
            return self._append("model", self._model_parts(message, where))
        self._append("user", _user_parts(message, where))

    def build(self) -> list[Content]:
        """Return all contents. A blank user content comes first if Gemini would reject them as empty or begun by the model."""
        self._flush_results()
        if not self._contents or self._contents[0]["role"] == "model":
            return [{"role": "user", "parts": [_BLANK]}, *self._contents]
        return self._contents

    def _append(self, role: str, parts: list[Part]) -> None:
        last = self._contents[-1] if self._contents else None
        # Text is not merged into results: a content's results must match the preceding calls in number.
        if last and last["role"] == role and not (role == "user" and "functionResponse" in last["parts"][0]):
            last["parts"] += parts
        elif parts:
            self._contents.append({"role": role, "parts": parts})

    def _flush_results(self) -> None:
        if self._results:
            results = [self._results[position] for position in sorted(self._results)]
            self._contents.append({"role": "user", "parts": results})
            self._results = {}
        if self._media:
            self._contents.append({"role": "user", "parts": self._media})
            self._media = []

    def _model_parts(self, message: Mapping[str, Any], where: str) -> list[Part]:
        text = _text(message, where) or message.get("refusal")
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise invalid_param(f"{where}.tool_calls", "must be a list")
        parts = [{"text": text, **_signature_member(message, calls)}] if text else []
        return parts + [self._call(call, index, f"{where}.tool_calls[{index}]") for index, call in enumerate(calls)]

    def _call(self, call: Any, index: int, where: str) -> Part:
        args = arguments_json(call, where)
        name = call["function"]["name"]
        id = str(call.get("id") or name)
        self._call_count += 1
        self._calls[id] = (self._call_count, name)
        function_call = {**self._id_member(id), "name": self._provider_names.get(name, name), "args": args}
        # Of parallel calls only the first has a signature, and Gemini 3 rejects a turn whose first call has none.
        default = SKIP_SIGNATURE_VALIDATOR if self._is_gemini_3 and index == 0 else None
        signature = thought_signature(call) or default
        return {"functionCall": function_call} | ({"thoughtSignature": signature} if signature else {})

    def _add_result(self, message: Mapping[str, Any], where: str) -> None:
        id = message.get("tool_call_id")
        if not isinstance(id, str) or id not in self._calls:
            raise invalid_param(f"{where}.tool_call_id", "does not match a tool call of an earlier assistant message")
        position, name = self._calls[id]
        text, media = _result_content(message.get("content"), f"{where}.content")
        inline = [part for part in media if self._is_gemini_3 and "inlineData" in part]
        response = {
            **self._id_member(id),
            "name": self._provider_names.get(name, name),
            "response": _response(text),
            **({"parts": inline} if inline else {}),
        }
        self._results[position] = {"functionResponse": response}
        if len(inline) < len(media):
            self._media += [{"text": f"Result of {name}:"}, *(part for part in media if part not in inline)]

    def _id_member(self, id: str) -> dict[str, str]:
        return {"id": id} if self._is_gemini_3 else {}


def _result_content(content: Any, where: str) -> tuple[str, list[Part]]:
    """Return a tool result's text, and its images and files as parts."""
    if isinstance(content, str):
        return content, []
    parts = [to_part(part, f"{where}[{index}]") for index, part in enumerate(content_parts(content, where))]
    return "".join(part["text"] for part in parts if "text" in part), [part for part in parts if "text" not in part]


def _response(text: str) -> dict[str, Any] | orjson.Fragment:
    """Return a tool result as the object Gemini requires: JSON objects unchanged, lists and any other text under `output`.

    So is an object with `$ref` in it: Gemini takes that for the name of one of the result's parts.
    """
    start = text[:64].lstrip()[:1]
    if start and start not in "{[":  # most results are plain text, and an exception takes longer
        return {"output": text}
    try:
        parsed = orjson.loads(text) if count_values(text.encode(), MAX_VALUES_IN_TEXT) <= MAX_VALUES_IN_TEXT else None
        written = orjson.dumps(parsed)  # at once, so that the values of one result are in memory at a time
    except orjson.JSONDecodeError:
        return {"output": text}
    except orjson.JSONEncodeError as error:
        raise InvalidRequestError("the request is nested too deeply") from error
    if not isinstance(parsed, dict | list) or b'"$ref"' in written:
        return {"output": text}
    result = orjson.Fragment(written)
    return result if isinstance(parsed, dict) else {"output": result}


def _signature_member(message: Mapping[str, Any], calls: list[Any]) -> dict[str, str]:
    """Return the signature of a message's text, unless it is that of a call: Gemini rejects one that is repeated."""
    signature = thought_signature(message)
    repeated = signature in [thought_signature(call) for call in calls if isinstance(call, dict)]
    return {"thoughtSignature": signature} if signature and not repeated else {}


def _user_parts(message: Mapping[str, Any], where: str) -> list[Part]:
    """Translate a user message. A blank text is added if there is none, because some models reject images without text."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"text": content} if content else _BLANK]
    translated = [
        to_part(part, f"{where}.content[{index}]")
        for index, part in enumerate(content_parts(content, f"{where}.content"))
        if part_text(part) != ""
    ]
    return translated if any("text" in part for part in translated) else [*translated, _BLANK]
