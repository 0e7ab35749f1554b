"""State of one choice in a stream of an OpenAI-compatible host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.compatible.normalize import normalize_message
from proxy.dialects.compatible.tables import FINISH_REASONS
from proxy.dialects.compatible.tools import ToolCallRepair
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.completion import call_id_stem
from proxy.dialects.lenient_json import REPLACEMENT, SurrogateJoiner

_TEXT_MEMBERS = ("content", "reasoning_content", "refusal")


class StreamedChoice:
    """Translates the deltas of one choice: keeps its tool calls, finish reason and split surrogate pairs."""

    def __init__(self, context: ResponseContext, index: int) -> None:
        self.index = index
        self.calls = ToolCallRepair(f"{call_id_stem(context)}_{index}", context.tool_names)
        self.finish: dict[str, Any] | None = None
        """The choice with the last finish reason so far: more of the answer may follow one."""
        self._joiner = SurrogateJoiner()

    @property
    def holds_surrogate(self) -> bool:
        """Whether half a surrogate pair is held back, so that the next chunk cannot pass unchanged."""
        return bool(self._joiner.held)

    @property
    def finish_reason(self) -> str:
        """The last finish reason in OpenAI's terms. `stop` becomes `tool_calls` if there are any."""
        known = FINISH_REASONS.get(self._host_reason(), "stop")
        return "tool_calls" if self.calls and known == "stop" else known

    def translate_delta(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """Return the choice's delta in OpenAI's format."""
        sent = object_of(choice.get("delta"))
        delta = normalize_message(sent)
        for name in _TEXT_MEMBERS:
            if isinstance(delta.get(name), str):
                delta[name] = self._joiner.join(name, delta[name])
        fragments = self._join(self.calls.repair(objects_of(sent.get("tool_calls"))))
        return delta | ({"tool_calls": fragments} if fragments else {})

    def last_delta(self) -> dict[str, Any]:
        """Return what was held back: calls without arguments, and U+FFFD for each surrogate."""
        delta: dict[str, Any] = {}
        fragments = self._join(self.calls.close())
        for key in self._joiner.flush():
            if isinstance(key, int):
                fragments.append({"index": key, "function": {"arguments": REPLACEMENT}})
            else:
                delta[key] = REPLACEMENT
        return delta | ({"tool_calls": fragments} if fragments else {})

    def finished(self) -> dict[str, Any]:
        """Return the choice of the last chunk: without content, with the host's own reason if OpenAI has no such reason."""
        own = {} if self._host_reason() in FINISH_REASONS else {"provider_finish_reason": self._host_reason()}
        reason = {"finish_reason": self.finish_reason, **own}
        return {**(self.finish or {}), "index": self.index, "delta": {}, "logprobs": None, **reason}

    def _host_reason(self) -> str:
        return text_of((self.finish or {}).get("finish_reason"))

    def _join(self, fragments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for fragment in fragments:
            function = fragment["function"]
            function["arguments"] = self._joiner.join(fragment["index"], function["arguments"])
        return fragments
