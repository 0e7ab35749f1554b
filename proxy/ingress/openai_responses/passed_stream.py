"""Numbers the error event of a stream that passes unchanged, as strict clients take no event without its number."""

from __future__ import annotations

import re

from proxy.errors import ParrotError
from proxy.ingress.openai_responses.errors import error_event

_MEMBER = b'"sequence_number"'
"""Never part of a text, where its second quote would be escaped."""
_VALUE_BYTES = 32
_VALUE = re.compile(rb"\s*:\s*(\d+)")


class PassedStream:
    """The events of one provider. Implements `client_format.FromHub`, and changes none of them."""

    kept_chars = 0

    def __init__(self) -> None:
        self._last = b""
        """What follows the member in the last event that has it."""

    def feed(self, data: bytes) -> bytes:
        """Take events."""
        if (at := data.rfind(_MEMBER)) >= 0:
            start = at + len(_MEMBER)
            self._last = data[start : start + _VALUE_BYTES]
        return data

    def end(self) -> bytes:
        """Return nothing: the provider's last event is the end."""
        return b""

    def fail(self, error: ParrotError) -> bytes:
        """Return the error as the next event."""
        found = _VALUE.match(self._last)
        return error_event(error, int(found[1]) + 1 if found else 0)
