"""State of one choice in a stream of an OpenAI-shaped host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of
from proxy.dialects.compatible.normalize import normalize_message
from proxy.dialects.compatible.tools import ToolCallRepair
from proxy.dialects.contract import ResponseContext
from proxy.dialects.lenient_json import REPLACEMENT, SurrogateJoiner

_TEXTS = ("content", "reasoning_content", "refusal")


class StreamedChoice:
    """Tool calls and finish reason of a choice, and the high surrogates held back from its texts."""

    def __init__(self, reading: ResponseContext, index: int) -> None:
        self.calls = ToolCallRepair(f"{reading.id.removeprefix('chatcmpl-')}_{index}", reading.tool_names)
        self.finish: str | None = None
        self._joiner = SurrogateJoiner()

    @property
    def holds_surrogate(self) -> bool:
        """Whether a high surrogate is held back, so that the next chunk cannot pass unchanged."""
        return bool(self._joiner.held)

    def translate_delta(self, choice: Mapping[str, Any], *, ends: bool) -> dict[str, Any]:
        """Return the delta in OpenAI's form; where the choice ends, calls without arguments get `{}`."""
        given = object_of(choice.get("delta"))
        delta = normalize_message(given)
        for name in _TEXTS:
            if isinstance(delta.get(name), str):
                delta[name] = self._joiner.join(name, delta[name])
        fragments = self.calls.repair(objects_of(given.get("tool_calls")))
        for fragment in fragments:
            function = fragment["function"]
            function["arguments"] = self._joiner.join(fragment["index"], function["arguments"])
        if ends:
            fragments += self.calls.close() + self._halves(delta)
        return delta | ({"tool_calls": fragments} if fragments else {})

    def _halves(self, delta: dict[str, Any]) -> list[dict[str, Any]]:
        """Add U+FFFD for each high surrogate held back: to the delta's texts, or as the fragments returned."""
        fragments = []
        for key in self._joiner.flush():
            if isinstance(key, int):
                fragments.append({"index": key, "function": {"arguments": REPLACEMENT}})
            else:
                delta[key] = (delta.get(key) or "") + REPLACEMENT
        return fragments
