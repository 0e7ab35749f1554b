"""One tool call of a stream: what is known of it, and what of it waits for its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.json_progress import JsonProgress
from proxy.errors import MalformedResponse

_OPENAI_MEMBERS = frozenset({"index", "id", "type", "function"})
_MAX_HELD_CHARS = 1 << 16
_NO_ARGUMENTS = "{}"


@dataclass(slots=True, eq=False)
class StreamedCall:
    """A call from its first fragment on. It is started, and gets its index, once it has a name and arguments."""

    index: int | None = None
    """Its index in what is sent, None until it is started: calls count from 0 in each choice."""
    id: str | None = None
    name: str = ""
    waits: bool = True
    """Whether no later call was started either."""
    _progress: JsonProgress = field(default_factory=JsonProgress)
    _held: str = ""
    """Arguments that came before the start."""
    _members: dict[str, Any] = field(default_factory=dict)
    """Members that OpenAI does not have, such as `extra_content`. Clients join repeated ones, so each is sent once."""

    @property
    def is_complete(self) -> bool:
        """Whether its arguments are whole."""
        return self._progress.is_complete

    @property
    def is_blank(self) -> bool:
        """Whether it has no arguments so far."""
        return self._progress.is_blank

    @property
    def may_start(self) -> bool:
        """Whether it is not started and has what a start needs. `{}` alone may be a placeholder for what follows."""
        return self.index is None and bool(self.name) and self._held not in ("", _NO_ARGUMENTS)

    def is_named_by(self, name: str, id: str | None, *, in_pieces: bool) -> bool:
        """Whether a fragment with its index, this name and a new or no id continues it.

        `in_pieces`: the name may be a piece of one.
        """
        if not name:
            return not self.is_complete or self.index is None
        if not self.name:
            return True
        if name == self.name and not self.is_complete:
            return not (id and self.id) or not self._progress.is_blank
        return in_pieces and not id and self._progress.is_blank

    def is_followed_by(self, name: str, arguments: str) -> bool:
        """Whether a fragment with its id starts another call, as some hosts give one id to several."""
        return bool(name and arguments) and name != self.name and self.is_complete

    def is_repeated_by(self, name: str, arguments: str) -> bool:
        """Whether a fragment that belongs to it sends all of it once more."""
        return bool(name and arguments.strip()) and name == self.name and self.is_complete

    def take(self, fragment: Mapping[str, Any], name: str, arguments: str) -> dict[str, Any] | None:
        """Add a fragment. Returns what of it is to be sent, None for nothing: before the start all of it is held."""
        news = {key: value for key, value in fragment.items() if key not in _OPENAI_MEMBERS | self._members.keys()}
        news = {key: value for key, value in news.items() if value is not None}
        self._members |= news
        if self.index is None:
            self._hold(name, arguments)
            return None
        self._progress.feed(arguments)
        return {"index": self.index, **news, "function": {"arguments": arguments}} if arguments or news else None

    def _hold(self, name: str, arguments: str) -> None:
        # Some hosts send a name as far as it is known, others only the next piece of it.
        self.name = name if name.startswith(self.name) else self.name + name
        if not arguments.strip() and self._held in ("", _NO_ARGUMENTS):
            return
        if self._held == _NO_ARGUMENTS:
            self._held, self._progress = "", JsonProgress()
        self._progress.feed(arguments)
        self._held += arguments
        if len(self.name or self._held) > _MAX_HELD_CHARS:
            raise MalformedResponse("the provider sent a tool call without a name")

    def end(self) -> dict[str, Any]:
        """Return the only arguments of a call that was started without any."""
        return {"index": self.index, "function": {"arguments": _NO_ARGUMENTS}}

    def start(self, names: Mapping[str, str], default: str) -> dict[str, Any]:
        """Return its first fragment in OpenAI's format. `names` is `ResponseContext.tool_names`.

        `default` are its arguments if it has none so far.
        """
        arguments, self._held = self._held or default, ""
        function = {"name": names.get(self.name, self.name), "arguments": arguments}
        return {**self._members, "index": self.index, "id": self.id, "type": "function", "function": function}


def valid_id(call: Mapping[str, Any]) -> str | None:
    """Return a call's id, or None if it is missing or "null", which old Mistral models send."""
    id = call.get("id")
    return id if isinstance(id, str) and id and id != "null" else None
