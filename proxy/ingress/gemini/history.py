"""Translates `systemInstruction` and `contents` into the hub's messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from proxy.dialects.coerce import text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.lenient_json import serialize
from proxy.ingress.gemini.members import Members, list_of, members_of, string_of
from proxy.ingress.gemini.parts import Part, content_of_parts, is_known, kind_of, to_part
from proxy.ingress.gemini.signatures import extra_content_of, thinking_of

_ROLES = ("user", "model", "function")
_OUTPUTS = ("output", "result")
"""Members of a function's response that may be all of it: Google's documentation and its SDKs use them for a text."""


class PlacedPart(NamedTuple):
    """A part and its path in the request."""

    members: Members
    where: str


class OpenCall(NamedTuple):
    """A call that has no response yet."""

    id: str
    name: str


@dataclass(slots=True)
class History:
    """Translates a conversation content by content, into `messages`."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    dropped: dict[str, None] = field(default_factory=dict)
    """Kinds of the parts that were left out, because the hub has no word for them."""
    paths: list[str] = field(default_factory=list)
    """For each message the path of what it was made of."""
    _open_calls: list[OpenCall] = field(default_factory=list)
    _call_count: int = 0

    def add_system(self, instruction: Any) -> None:
        """Add the request's `systemInstruction`: a content, or its text. Raises InvalidRequestError."""
        content = {"parts": [{"text": instruction}]} if isinstance(instruction, str) else instruction
        parts = _parts(members_of(content, "systemInstruction"), "systemInstruction")
        texts = [text_of(part.members.get("text")) for part in parts]
        if text := "\n".join(filter(None, texts)):
            self.messages.append({"role": "system", "content": text})
            self.paths.append("systemInstruction")

    def add(self, content: Any, where: str) -> None:
        """Add the next content, found at the path `where`. Raises InvalidRequestError if it is malformed."""
        given = members_of(content, where)
        role = given.get("role") or "user"
        if role not in _ROLES:
            raise invalid_param(f"{where}.role", "must be user or model")
        parts = _parts(given, where)
        if role == "model":
            self._add_answer(parts)
        else:
            self._add_user(parts)
        self.paths += [where] * (len(self.messages) - len(self.paths))

    def _add_user(self, parts: list[PlacedPart]) -> None:
        """Add the functions' responses, each as a message of its own, and the other parts as the user's message after them."""
        self.messages += [self._response(part) for part in parts if "functionResponse" in part.members]
        if rest := self._translated([part for part in parts if "functionResponse" not in part.members]):
            self.messages.append({"role": "user", "content": content_of_parts(rest)})

    def _add_answer(self, parts: list[PlacedPart]) -> None:
        calls = [part for part in parts if "functionCall" in part.members]
        thoughts = [part for part in parts if part.members.get("thought") is True]
        rest = [part for part in parts if part not in calls and part not in thoughts]
        texts = [part["text"] for part in self._translated(rest) if part["type"] == "text"]
        signatures = [part.members.get("thoughtSignature") for part in rest]
        members: dict[str, Any] = {
            "content": "".join(texts) or None,
            "reasoning_content": "".join(text_of(part.members.get("text")) for part in thoughts),
            "thinking_blocks": [each for part in calls for each in thinking_of(part.members.get("thoughtSignature"))],
            "tool_calls": [self._call(part) for part in calls],
        }
        if kept := {name: value for name, value in members.items() if value}:
            signed: dict[str, Any] = next(filter(None, map(extra_content_of, reversed(signatures))), {})
            self.messages.append({"role": "assistant", "content": None, **kept, **signed})

    def _call(self, part: PlacedPart) -> dict[str, Any]:
        where = f"{part.where}.functionCall"
        given = members_of(part.members["functionCall"], where)
        args = given.get("args", {})
        if not isinstance(args, dict):
            raise invalid_param(f"{where}.args", "must be an object")
        self._call_count += 1
        call = OpenCall(text_of(given.get("id")) or f"call_{self._call_count}", string_of(given, "name", where))
        self._open_calls.append(call)
        function = {"name": call.name, "arguments": serialize(args).decode()}
        return {
            "id": call.id,
            "type": "function",
            "function": function,
            **extra_content_of(part.members.get("thoughtSignature")),
        }

    def _response(self, part: PlacedPart) -> dict[str, Any]:
        """Return the message of a response. It may have media in parts of its own."""
        where = f"{part.where}.functionResponse"
        given = members_of(part.members["functionResponse"], where)
        call = self._answered(text_of(given.get("id")), text_of(given.get("name")), where)
        media = self._translated(_parts(given, where))
        parts: list[Part] = [{"type": "text", "text": _response_text(given.get("response"), where)}, *media]
        return {"role": "tool", "tool_call_id": call.id, "content": content_of_parts(parts)}

    def _answered(self, id: str, name: str, where: str) -> OpenCall:
        """Take the call that is answered: that of the id, else the first of the name."""
        matches: tuple[Callable[[OpenCall], bool], ...] = (lambda call: call.id == id, lambda call: call.name == name)
        for matching in matches:
            if (call := next(filter(matching, self._open_calls), None)) is not None:
                self._open_calls.remove(call)
                return call
        raise invalid_param(f"{where}.name", "answers no functionCall of the contents before it")

    def _translated(self, parts: list[PlacedPart]) -> list[Part]:
        kinds = [kind_of(part.members) for part in parts]
        self.dropped |= dict.fromkeys(kind for kind in kinds if kind and not is_known(kind))
        translated = [to_part(part.members, part.where) for part in parts]
        return [part for part in translated if part is not None]


def _parts(holder: Members, where: str) -> list[PlacedPart]:
    paths = [
        (part, f"{where}.parts[{index}]") for index, part in enumerate(list_of(holder.get("parts"), f"{where}.parts"))
    ]
    return [PlacedPart(members_of(part, path), path) for part, path in paths]


def _response_text(response: Any, where: str) -> str:
    """Return a response as text: the text that is all of it, else JSON."""
    if not isinstance(response, Mapping):
        raise invalid_param(f"{where}.response", "must be an object")
    (value,) = response.values() if len(response) == 1 and next(iter(response)) in _OUTPUTS else (None,)
    return value if isinstance(value, str) else serialize(response).decode()
