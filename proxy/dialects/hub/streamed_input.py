"""The input of a custom tool out of its function's arguments, as they arrive: nothing but the end of a piece is kept."""

from __future__ import annotations

import json
import re

from proxy.dialects.hub.custom_tools import CUSTOM_INPUT, custom_input
from proxy.dialects.lenient_json import SurrogateJoiner

_START = re.compile(rf'\s*\{{\s*"{CUSTOM_INPUT}"\s*:\s*"')
_MAX_START = 64
"""Characters in which the start must be complete."""
_TEXT = re.compile(r'(?:[^"\\]+|\\u[0-9a-fA-F]{4}|\\[^u])*+')
_MAX_ESCAPE = 6


class StreamedInput:
    """Takes `{"input": "…"}` in pieces. Arguments of another shape, which the model made up, are the input as they are."""

    __slots__ = ("_held", "_is_inside", "_is_over", "_is_raw", "_joiner")

    def __init__(self) -> None:
        self._held = ""
        """What is not complete: the start, later an escape."""
        self._is_inside = self._is_over = self._is_raw = False
        self._joiner = SurrogateJoiner()

    def feed(self, piece: str) -> str:
        """Return the text that the piece completes."""
        if self._is_over:
            return ""
        if self._is_raw:
            return piece
        self._held += piece
        if not self._is_inside and (found := _START.match(self._held, 0, _MAX_START)) is not None:
            self._is_inside, self._held = True, self._held[found.end() :]
        if self._is_inside:
            return self._text()
        return self._as_it_is() if len(self._held) > _MAX_START else ""

    def end(self) -> str:
        """Return the rest: arguments that are complete before their start was found."""
        rest = "" if self._is_inside or self._is_over else custom_input(self._held)
        self._is_over = True
        return rest

    def _text(self) -> str:
        found = _TEXT.match(self._held)
        assert found is not None
        rest = self._held[found.end() :]
        self._held, self._is_over = rest, rest[:1] == '"'
        text = self._joiner.join(None, str(json.loads(f'"{found[0]}"', strict=False)))
        return text + self._as_it_is() if not self._is_over and len(rest) >= _MAX_ESCAPE else text

    def _as_it_is(self) -> str:
        """Return what is held: it is not what it should be, and neither is what follows."""
        held, self._held, self._is_raw = self._held, "", True
        return held
