"""Whether JSON that arrives in pieces is complete, without keeping it: every piece is read once."""

from __future__ import annotations

import re

from proxy.dialects.lenient_json import parse

_MAX_SCALAR_CHARS = 64
_ESCAPE = re.compile(r"\\.", re.DOTALL)


class JsonProgress:
    """An object or array is complete where its brackets match. A shorter value such as `null` is complete if it parses."""

    __slots__ = ("_depth", "_escape", "_is_in_string", "_start", "is_blank")

    def __init__(self) -> None:
        self.is_blank = True
        """Whether it is only white space so far."""
        self._start = ""
        """Its first characters, without white space before them."""
        self._depth = 0
        self._is_in_string = False
        self._escape = ""
        """The backslash at the end of the last piece, if the character that it escapes is in the next one."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing more may follow."""
        if self._start[:1] in ("{", "["):
            return self._depth <= 0 and not self._is_in_string
        try:
            parse(self._start.encode("utf-8", "surrogatepass"))
        except ValueError:
            return False
        return len(self._start) < _MAX_SCALAR_CHARS

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        if self.is_blank:
            piece = piece.lstrip()
            self.is_blank = not piece
        if len(self._start) < _MAX_SCALAR_CHARS:
            self._start = (self._start + piece)[:_MAX_SCALAR_CHARS]
        text = _ESCAPE.sub("", self._escape + piece)
        self._escape = text[-1:] if text.endswith("\\") else ""
        # Every second part between quotes is outside of strings.
        parts = text.split('"')
        outside = "".join(parts[self._is_in_string :: 2])
        self._is_in_string ^= len(parts) % 2 == 0
        self._depth += outside.count("{") + outside.count("[") - outside.count("}") - outside.count("]")
