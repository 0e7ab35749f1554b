"""How a stream is written: as events, or as one JSON array where the query does not ask for them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from proxy.ingress.client_format import Framing
from proxy.sse import data_of, split_frames


def framing_of(path: str) -> Framing | None:
    """Return the framing of the array. None for events, which the query asks for by `alt=sse`."""
    return None if ("alt", "sse") in parse_qsl(path.partition("?")[2]) else _ARRAY


class JsonArray:
    """Implements `StreamTransform`: makes the data of whole events the elements of an array."""

    def __init__(self) -> None:
        self._before = b"["

    def feed(self, data: bytes) -> bytes:
        """Write each event as an element."""
        return b"".join([self._element(one) for one in map(data_of, split_frames(data)) if one is not None])

    def end(self) -> bytes:
        """Close the array, which may be empty."""
        return b"[]" if self._before == b"[" else b"]"

    def _element(self, data: bytes) -> bytes:
        before, self._before = self._before, b",\r\n"
        return before + data


_ARRAY = Framing("application/json", JsonArray)
