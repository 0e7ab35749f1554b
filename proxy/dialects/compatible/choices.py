"""State of one choice in a stream of an OpenAI-compatible host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of
from proxy.dialects.compatible.normalize import normalize_message
from proxy.dialects.compatible.tools import ToolCallRepair
from proxy.dialects.contract import ResponseContext
from proxy.dialects.lenient_json import REPLACEMENT, SurrogateJoiner

_TEXT_MEMBERS = ("content", "reasoning_content", "refusal")


class StreamedChoice:
    """Translates the deltas of one choice: keeps its tool calls, finish reason and split surrogate pairs."""

    def __init__(self, context: ResponseContext, index: int) -> None:
        self.calls = ToolCallRepair(f"{context.id.removeprefix('chatcmpl-')}_{index}", context.tool_names)
        self.finish: str | None = None
        self._joiner = SurrogateJoiner()

    @property
    def holds_surrogate(self) -> bool:
        """Whether half a surrogate pair is held back, so that the next chunk cannot pass unchanged."""
        return bool(self._joiner.held)

    def translate_delta(self, choice: Mapping[str, Any], *, ends: bool) -> dict[str, Any]:
        """Return the choice's delta in OpenAI's format. If `ends`, calls without arguments get `{}`."""
        sent = object_of(choice.get("delta"))
        delta = normalize_message(sent)
        for name in _TEXT_MEMBERS:
            if isinstance(delta.get(name), str):
                delta[name] = self._joiner.join(name, delta[name])
        fragments = self.calls.repair(objects_of(sent.get("tool_calls")))
        for fragment in fragments:
            function = fragment["function"]
            function["arguments"] = self._joiner.join(fragment["index"], function["arguments"])
        if ends:
            fragments += self.calls.close() + self._flush_joiner(delta)
        return delta | ({"tool_calls": fragments} if fragments else {})

    def _flush_joiner(self, delta: dict[str, Any]) -> list[dict[str, Any]]:
        """Write U+FFFD for each surrogate held back: texts into `delta`, tool arguments as the fragments returned."""
        fragments = []
        for key in self._joiner.flush():
            if isinstance(key, int):
                fragments.append({"index": key, "function": {"arguments": REPLACEMENT}})
            else:
                delta[key] = (delta.get(key) or "") + REPLACEMENT
        return fragments
