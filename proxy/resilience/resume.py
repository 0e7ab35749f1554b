"""Whether an answer that was cut may go on elsewhere, and with which request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.lenient_json import SurrogateJoiner, parse_or_none, serialize, to_well_formed
from proxy.messages import CompletionState
from proxy.resilience.resume_dedup import PrefillMatcher, ReplayMatcher, ResumeMatcher
from proxy.sse import data_of, encode

MIN_PREFIX_CHARS = 20
"""Characters from which on a repetition is known for one; fewer could be the answer's own next words."""
MIN_TOKENS_LEFT = 16
"""Tokens that must be left of a limit for going on to make sense."""
BYTES_PER_TOKEN = 4
_PLAIN = ("text", None)


@dataclass(frozen=True, slots=True)
class Prefix:
    """What was sent, as the beginning of the answer that another target is asked to finish."""

    text: str
    """Without the white space at its end, which some targets refuse."""
    trailing_space: str
    """That white space: it may come again."""

    @property
    def is_long_enough(self) -> bool:
        """Whether there is enough of it to know it again."""
        return len(self.text) >= MIN_PREFIX_CHARS

    @classmethod
    def from_text(cls, text: str) -> Prefix:
        """The prefix of a text; half a character at its end is left for the answer that goes on."""
        text = to_well_formed(text[:-1] if "\ud800" <= text[-1:] <= "\udbff" else text)
        sent = text.rstrip()
        return cls(sent, text[len(sent) :])


def is_resumable(body: Mapping[str, Any], n: int, answer: CompletionState) -> bool:
    """Only plain text of one choice: a call, a JSON object or a thought begun elsewhere cannot be gone on with."""
    shape = body.get("response_format")
    asked = shape.get("type") if isinstance(shape, Mapping) else shape
    return n == 1 and answer.text_only and asked in _PLAIN and not body.get("tools") and not body.get("functions")


def continuation_members(body: Mapping[str, Any], prefix: Prefix) -> dict[str, Any]:
    """The members of the request that go on from the prefix: an assistant message, and what is left of the tokens."""
    changes: dict[str, Any] = {}
    if prefix.text:
        changes["messages"] = [*body["messages"], {"role": "assistant", "content": prefix.text}]
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(body.get(name), int):
            changes[name] = max(MIN_TOKENS_LEFT, body[name] - len(prefix.text) // BYTES_PER_TOKEN)
    return changes


@dataclass(slots=True)
class ResumedStream:
    """Turns another answer's chunks into the continuation of the one that was cut."""

    matcher: ResumeMatcher
    id: str | None
    """The id of the answer that was cut, which stays the answer's."""
    _joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)

    @classmethod
    def from_prefix(cls, prefix: Prefix, id: str | None, *, prefilled: bool) -> ResumedStream:
        """From the prefix on, or from the beginning of what was sent."""
        onwards = PrefillMatcher(prefix.text if prefix.is_long_enough else "", prefix.trailing_space)
        return cls(onwards if prefilled else ReplayMatcher(prefix.text + prefix.trailing_space), id)

    def transform_frame(self, frame: bytes) -> bytes:
        """One frame less what was said already, b"" if nothing is left of it. Raises Differs."""
        data = data_of(frame)
        chunk = _object(data)
        if chunk is None:
            return frame
        if self.id:
            chunk["id"] = self.id
        said = [self._says(choice) for choice in objects_of(chunk.get("choices"))]
        return encode(serialize(chunk)) if all(said) else b""

    def _says(self, choice: dict[str, Any]) -> bool:
        """Takes out what was said already; whether anything is left."""
        delta, finish = object_of(choice.get("delta")), choice.get("finish_reason")
        delta.pop("role", None)
        text = self.matcher.feed(self._joiner.join("content", text_of(delta.get("content"))))
        text += self.matcher.finish() if finish else ""
        if text or "content" in delta:
            choice["delta"] = delta = {**delta, "content": text}
        return bool(finish or any(delta.values()))


def _object(data: bytes | None) -> dict[str, Any] | None:
    value = parse_or_none(data or b"")  # None for `[DONE]`
    return value if isinstance(value, dict) else None
