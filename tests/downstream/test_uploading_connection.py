"""A connection serves forms and other requests, one after the other. More in `tests/test_uploads.py`."""

from __future__ import annotations

import orjson

from tests.callers import post, world
from tests.fakes import settle

FORM = (
    b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncontent\r\n--xyz--\r\n'
)
HEAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    b"Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: %d\r\n\r\n" % len(FORM)
)
HEARD = (200, {"content-type": "application/json"}, [b'{"text": "heard"}'])


async def test_forms_and_other_requests_follow_one_another_in_any_cuts() -> None:
    for at in (0, 1, len(FORM) // 2, len(FORM) - 1):
        here = world(HEARD, 200, HEARD)
        caller = here.connect()
        caller.send(HEAD + FORM[:at], FORM[at:] + post() + HEAD + FORM)
        await settle(60)
        bodies = [body for status, _, body in caller.responses if status == 200]
        assert [orjson.loads(body).get("text") for body in bodies] == ["heard", None, "heard"]
        assert here.handler.active == here.handler.load.buffered_bytes == 0


async def test_the_first_form_is_asked_for_where_the_caller_waits() -> None:
    here = world(HEARD)
    caller = here.connect()
    caller.send(HEAD)
    assert caller.socket.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.send(FORM)
    await settle()
    assert [status for status, _, _ in caller.responses] == [100, 200]
