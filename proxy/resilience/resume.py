"""Whether an answer that was cut may go on elsewhere, and with which request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.messages import Answer

LEAST = 16
"""Tokens that must be left of a limit for going on to make sense."""
_BYTES_PER_TOKEN = 4
_PLAIN = ("text", None)


@dataclass(frozen=True, slots=True)
class Prefix:
    """What was sent, as the beginning of the answer that another target is asked to finish."""

    sent: str
    """Without the white space at its end, which some targets refuse."""
    trimmed: str
    """That white space: it may come again."""

    @classmethod
    def of(cls, text: str) -> Prefix:
        """The prefix of a text."""
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
            changes[name] = max(LEAST, body[name] - len(prefix.sent) // _BYTES_PER_TOKEN)
    return changes
