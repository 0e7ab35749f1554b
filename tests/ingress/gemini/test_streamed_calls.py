"""Calls of a stream are whole, whatever the pieces."""

from __future__ import annotations

from typing import Any

from proxy.dialects.google.tables import SKIP_SIGNATURE_VALIDATOR
from proxy.ingress.gemini.streamed_calls import StreamedCalls


def fragment(index: int, arguments: str, **first: Any) -> dict[str, Any]:
    name = {"name": first.pop("name")} if "name" in first else {}
    return {"index": index, "function": {**name, "arguments": arguments}, **first}


def test_a_call_is_written_when_it_is_complete() -> None:
    calls = StreamedCalls()
    assert calls.feed(fragment(0, "", id="a", name="f")) == []
    assert calls.feed(fragment(1, '{"b":', id="b", name="g")) == []
    (first,) = calls.feed(fragment(0, "{}"))
    assert first == {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": SKIP_SIGNATURE_VALIDATOR}
    assert calls.feed(fragment(1, "2}")) == [{"functionCall": {"id": "b", "name": "g", "args": {"b": 2}}}]
    assert calls.feed(fragment(1, " ")) == [] == calls.flush()


def test_calls_without_arguments_and_those_that_were_cut_are_written_at_the_end() -> None:
    calls = StreamedCalls()
    calls.feed(fragment(0, "", id="a", name="f"))
    calls.feed(fragment(1, '{"b":', id="b", name="g"))
    assert [(part["functionCall"]["id"], type(part["functionCall"]["args"])) for part in calls.flush()] == [
        ("a", dict),
        ("b", dict),
    ]
