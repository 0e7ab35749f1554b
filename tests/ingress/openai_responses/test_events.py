"""Events are numbered, named by their type, and name the provider as soon as it is known."""

from __future__ import annotations

from proxy.ingress.openai_responses.events import EventWriter, NoEvents


def test_events_are_numbered_from_0_and_have_their_type_as_name() -> None:
    events = EventWriter()
    assert events.write("a", {"x": 1}) == b'event: a\ndata: {"type":"a","sequence_number":0,"x":1}\n\n'
    events.set_provider('p"')
    assert events.write("b", {}) == b'event: b\ndata: {"type":"b","sequence_number":1,"provider":"p\\""}\n\n'


def test_a_response_that_is_not_streamed_has_no_events() -> None:
    assert NoEvents().write("a", {}) == b""
