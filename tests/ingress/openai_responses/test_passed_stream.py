"""A stream that passes unchanged ends with an error event that has the next number."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest

from proxy.errors import ParrotError
from proxy.ingress.openai_responses.passed_stream import PassedStream
from proxy.sse import decode


@pytest.mark.parametrize(("events", "number"), [
    ([], 0),
    ([b": ping\n\n"], 0),
    ([b'data: {"type":"a","sequence_number":0}\n\ndata: {"sequence_number" : 41,"type":"b"}\n\n', b": ping\n\n"], 42),
    ([b'data: {"sequence_number":7,"delta":"\\"sequence_number\\":99"}\n\n'], 8),
    ([b'data: {"sequence_number":"x"}\n\n'], 0),
])  # fmt: skip
def test_an_error_is_the_next_event(events: Sequence[bytes], number: int) -> None:
    stream = PassedStream()
    assert [stream.feed(each) for each in events] == list(events) and stream.end() == b"" and not stream.kept_chars
    event = decode(stream.fail(ParrotError("no")))
    assert event.name == "error" and orjson.loads(event.data or b"")["sequence_number"] == number
