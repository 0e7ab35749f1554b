"""Whether an answer that was cut may go on elsewhere, and with which request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.parse import SurrogateJoiner, parse_or_none, to_well_formed, write
from proxy.dialects.shapes import object_of, objects_of, text_of
from proxy.messages import Answer
from proxy.resilience.overlap import Again, Onwards, Overlap
from proxy.sse import data_of, encode

LEAST_SENT = 20
"""Characters from which on a repetition is known for one; fewer could be the answer's own next words."""
LEAST = 16
"""Tokens that must be left of a limit for going on to make sense."""
BYTES_PER_TOKEN = 4
_PLAIN = ("text", None)


@dataclass(frozen=True, slots=True)
class Prefix:
    """What was sent, as the beginning of the answer that another target is asked to finish."""

    sent: str
    """Without the white space at its end, which some targets refuse."""
    trimmed: str
    """That white space: it may come again."""

    @property
    def enough(self) -> bool:
        """Whether there is enough of it to know it again."""
        return len(self.sent) >= LEAST_SENT

    @classmethod
    def of(cls, text: str) -> Prefix:
        """The prefix of a text; half a character at its end is left for the answer that goes on."""
        text = to_well_formed(text[:-1] if "\ud800" <= text[-1:] <= "\udbff" else text)
        sent = text.rstrip()
        return cls(sent, text[len(sent) :])


def resumable(body: Mapping[str, Any], n: int, answer: Answer) -> bool:
    """Only plain text of one choice: a call, a JSON object or a thought begun elsewhere cannot be gone on with."""
    shape = body.get("response_format")
    asked = shape.get("type") if isinstance(shape, Mapping) else shape
    return n == 1 and answer.plain and asked in _PLAIN and not body.get("tools") and not body.get("functions")


def continued(body: Mapping[str, Any], prefix: Prefix) -> dict[str, Any]:
    """The members of the request that go on from the prefix: an assistant message, and what is left of the tokens."""
    changes: dict[str, Any] = {}
    if prefix.sent:
        changes["messages"] = [*body["messages"], {"role": "assistant", "content": prefix.sent}]
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(body.get(name), int):
            changes[name] = max(LEAST, body[name] - len(prefix.sent) // BYTES_PER_TOKEN)
    return changes


@dataclass(slots=True)
class Resumed:
    """Turns another answer's chunks into the continuation of the one that was cut."""

    overlap: Overlap
    id: str | None
    """The id of the answer that was cut, which stays the answer's."""
    _joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)

    @classmethod
    def of(cls, prefix: Prefix, id: str | None, *, prefilled: bool) -> Resumed:
        """From the prefix on, or from the beginning of what was sent."""
        onwards = Onwards(prefix.sent if prefix.enough else "", prefix.trimmed)
        return cls(onwards if prefilled else Again(prefix.sent + prefix.trimmed), id)

    def frame(self, frame: bytes) -> bytes:
        """One frame less what was said already, b"" if nothing is left of it. Raises Differs."""
        data = data_of(frame)
        chunk = _object(data)
        if chunk is None:
            return frame
        if self.id:
            chunk["id"] = self.id
        said = [self._says(choice) for choice in objects_of(chunk.get("choices"))]
        return encode(write(chunk)) if all(said) else b""

    def _says(self, choice: dict[str, Any]) -> bool:
        """Takes out what was said already; whether anything is left."""
        delta, finish = object_of(choice.get("delta")), choice.get("finish_reason")
        delta.pop("role", None)
        text = self.overlap.new(self._joiner.join("content", text_of(delta.get("content"))))
        text += self.overlap.end() if finish else ""
        if text or "content" in delta:
            choice["delta"] = delta = {**delta, "content": text}
        return bool(finish or any(delta.values()))


def _object(data: bytes | None) -> dict[str, Any] | None:
    value = parse_or_none(data or b"")  # None for `[DONE]`
    return value if isinstance(value, dict) else None
