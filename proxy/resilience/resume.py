"""Stream resume: whether a truncated response can be continued by another target, and how.

The request to continue holds the sent text as an assistant prefill, or is the original one, to be replayed. Each chunk
of the continuation loses the text that was already sent and gets the id of the response that it continues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.lenient_json import SurrogateJoiner, parse_or_none, serialize, to_well_formed
from proxy.messages import MAX_KEPT_TEXT
from proxy.resilience.resume_dedup import PrefillMatcher, ReplayMatcher, ResumeMatcher
from proxy.sse import data_of, encode

MIN_PREFIX_CHARS = 20
"""A shorter prefix is not removed from a prefilled continuation: it could be new text that happens to be equal."""
MIN_TOKENS_LEFT = 16
"""Lower bound of the token limit of a continuation."""
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Prefix:
    """The text that was sent, to be continued by another target."""

    text: str
    """The text without the white space at its end, which some targets reject in a prefill."""
    trailing_space: str
    """That white space. The continuation may repeat it."""

    @property
    def is_long_enough(self) -> bool:
        """Whether a repetition of it can be distinguished from new text."""
        return len(self.text) >= MIN_PREFIX_CHARS

    @classmethod
    def from_text(cls, text: str) -> Prefix:
        """Split the sent text. Half a surrogate pair at its end is dropped, as the continuation sends it again."""
        text = to_well_formed(text[:-1] if "\ud800" <= text[-1:] <= "\udbff" else text)
        stripped = text.rstrip()
        return cls(stripped, text[len(stripped) :])


def continuation_members(body: Mapping[str, Any], prefix: Prefix) -> dict[str, Any]:
    """Return the request members to replace for a prefill: the prefix as assistant message, and fewer tokens."""
    members: dict[str, Any] = {}
    if prefix.text:
        members["messages"] = [*body["messages"], {"role": "assistant", "content": prefix.text}]
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(body.get(name), int):
            members[name] = max(MIN_TOKENS_LEFT, body[name] - len(prefix.text) // BYTES_PER_TOKEN)
    return members


@dataclass(slots=True)
class ResumedStream:
    """Turns the chunks of another response into the continuation of the truncated one."""

    matcher: ResumeMatcher
    id: str | None
    """Id of the truncated response, which the continuation keeps."""
    text: str = ""
    """The text that was sent so far, by all attempts, while it is no more than `MAX_KEPT_TEXT`."""
    is_short: bool = True
    """Whether it is, so that it may be continued once more."""
    earlier_usage: Mapping[str, int] = field(default_factory=dict)
    """Tokens of the attempts before, by the member of `usage` that they are added to."""
    _joiner: SurrogateJoiner = field(default_factory=SurrogateJoiner)

    @classmethod
    def from_prefix(cls, prefix: Prefix, id: str | None, *, prefilled: bool) -> ResumedStream:
        """Expect a response that continues the prefix (`prefilled`), or one that starts over."""
        sent = prefix.text + prefix.trailing_space
        if prefilled:
            return cls(PrefillMatcher(prefix.text if prefix.is_long_enough else "", prefix.trailing_space), id, sent)
        return cls(ReplayMatcher(sent), id, sent)

    def transform_frame(self, frame: bytes) -> bytes:
        """Return one event without text that was already sent, or b"" if nothing is left. Raises ResumeMismatchError."""
        chunk = _parse_object(data_of(frame))
        if chunk is None:
            return frame
        if self.id:
            chunk["id"] = self.id
        if self.earlier_usage and (usage := object_of(chunk.get("usage"))):
            earlier = self.earlier_usage
            chunk["usage"] = usage | {name: count_of(usage.get(name)) + earlier[name] for name in earlier}
        has_news = [self._remove_sent_text(choice) for choice in objects_of(chunk.get("choices"))]
        return encode(serialize(chunk)) if all(has_news) else b""

    def _remove_sent_text(self, choice: dict[str, Any]) -> bool:
        """Remove already sent text from a choice, in place, and return whether anything is left."""
        delta, finish = object_of(choice.get("delta")), choice.get("finish_reason")
        delta.pop("role", None)
        text = self.matcher.feed(self._joiner.join("content", text_of(delta.get("content"))))
        text += self.matcher.finish() if finish else ""
        self._note_sent(text)
        if text or "content" in delta:
            choice["delta"] = delta = {**delta, "content": text}
        return bool(finish or any(delta.values()))

    def _note_sent(self, text: str) -> None:
        self.is_short = self.is_short and len(self.text) + len(text) <= MAX_KEPT_TEXT
        self.text = self.text + text if self.is_short else ""


def _parse_object(data: bytes | None) -> dict[str, Any] | None:
    value = parse_or_none(data or b"")  # None for `[DONE]`
    return value if isinstance(value, dict) else None
