"""Tool calls as OpenAI streams them, whatever indexes, ids and repetitions a host sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, object_of
from proxy.dialects.lenient_json import parse


@dataclass(slots=True)
class _Call:
    index: int
    id: str
    name: str
    given: Any
    """The host's own index, if it gave one."""
    arguments: str = ""

    def whole(self) -> bool:
        """Whether the arguments are complete, so that the same name again means another call."""
        try:
            parse(self.arguments.encode())
        except ValueError:
            return False
        return True


class ToolCallRepair:
    """The calls of one choice: each starts once, with its id and name, and has an index of its own from 0."""

    def __init__(self, stem: str, names: Mapping[str, str]) -> None:
        self._stem = stem
        self._names = names
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def repair(self, fragments: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The fragments of one delta; those that say nothing new are left out."""
        mended = (self._fragment(fragment) for fragment in fragments)
        return [fragment for fragment in mended if fragment is not None]

    def close(self) -> list[dict[str, Any]]:
        """Arguments for the calls that had none: `{}`, since "" is no JSON."""
        return [
            {"index": call.index, "function": {"arguments": "{}"}} for call in self._calls if not call.arguments.strip()
        ]

    def _fragment(self, fragment: dict[str, Any]) -> dict[str, Any] | None:
        function = object_of(fragment.get("function"))
        name, written = content_of(function.get("name")), arguments_of(function.get("arguments"))
        call = self._known(fragment, name)
        if call is None:
            return self._start(fragment, name, written)
        call.arguments += written
        return {"index": call.index, "function": {"arguments": written}} if written else None

    def _start(self, fragment: dict[str, Any], name: str, written: str) -> dict[str, Any] | None:
        if not name:
            return None
        index = len(self._calls)
        call = _Call(index, valid_id(fragment) or f"call_{self._stem}_{index}", name, fragment.get("index"), written)
        self._calls.append(call)
        function = {"name": self._names.get(name, name), "arguments": written}
        return {**fragment, "index": index, "id": call.id, "type": "function", "function": function}

    def _known(self, fragment: dict[str, Any], name: str) -> _Call | None:
        """The call that a fragment goes on with: a known id, else its place, unless a name says that another begins."""
        id, given = valid_id(fragment), fragment.get("index")
        for call in self._calls:
            if id and call.id == id:
                return call
        if id and name:
            return None
        here = [call for call in self._calls if given is None or call.given == given]
        if not name:
            return next(reversed(here or self._calls), None)
        return here[-1] if here and here[-1].name == name and not here[-1].whole() else None


def valid_id(call: Mapping[str, Any]) -> str | None:
    """A call's id, if it is one (old Mistral models say "null")."""
    id = call.get("id")
    return id if isinstance(id, str) and id and id != "null" else None


def repair_complete_call(call: Mapping[str, Any], spare_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    """A call of a whole answer, with everything OpenAI's has."""
    function = object_of(call.get("function"))
    name = content_of(function.get("name"))
    said = {"name": names.get(name, name), "arguments": arguments_of(function.get("arguments")).strip() or "{}"}
    kept = {key: value for key, value in call.items() if key != "index"}
    return {**kept, "id": valid_id(call) or spare_id, "type": "function", "function": said}
