"""A form is read as far as routing needs it, then no faster than it is taken."""

from __future__ import annotations

from math import inf

import pytest

from proxy.downstream.body_deadline import BODY_TIMEOUT_S
from proxy.downstream.upload_reader import UploadReader
from proxy.errors import InvalidRequestError, RequestTooLargeError
from proxy.exchange import Exchange
from proxy.memory_account import MemoryAccount
from tests.downstream.test_body_reader import reader
from tests.fakes import exchange
from tests.test_upload import Sink

FORM = b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
FILE = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
END = b"\r\n--xyz--\r\n"


def form_exchange() -> Exchange:
    one = exchange()
    one.endpoint, one.boundary = "transcriptions", b"xyz"
    one.memory = MemoryAccount(one.runtime.load, 2**20)
    return one


def ignore() -> None:
    """Do nothing: there is room."""


async def test_it_is_routable_at_its_file_and_goes_on_where_it_is_taken() -> None:
    one, (body, payload) = form_exchange(), reader()
    form = UploadReader(body, one, ignore, 100.0)
    payload.feed_data(FORM)
    assert form.read(100.0, is_followed=False) and not form.is_routable and one.upload is None
    payload.feed_data(FILE)
    assert form.read(101.0, is_followed=False) and form.is_routable
    assert one.body == {"model": "m"} and one.runtime.load.buffered_bytes == len(FORM + FILE)
    payload.feed_data(b"content")
    assert not form.read(102.0, is_followed=False) and form.due == inf  # until a provider takes it
    assert one.upload is not None
    sink = Sink()
    one.upload.connect(sink)
    assert form.read(103.0, is_followed=False) and form.due == 103.0 + BODY_TIMEOUT_S
    payload.feed_data(END)
    payload.feed_eof()
    assert form.read(104.0, is_followed=False) and form.is_complete and form.due == inf
    assert b"".join(sink.parts) == FORM + FILE + b"content" + END and sink.has_ended
    assert not form.read(105.0, is_followed=False) and one.runtime.load.buffered_bytes == 0


async def test_what_is_over_a_limit_or_broken_is_refused() -> None:
    def refuse(_: Exchange, size: int) -> None:
        raise RequestTooLargeError("too large")

    one, (body, payload) = form_exchange(), reader()
    one.reserve = refuse
    payload.feed_data(FORM)
    with pytest.raises(RequestTooLargeError):
        UploadReader(body, one, ignore, 100.0).read(100.0, is_followed=False)
    one, (body, payload) = form_exchange(), reader()
    payload.feed_data(FORM)
    form = UploadReader(body, one, ignore, 100.0)
    assert form.read(100.0, is_followed=False)
    with pytest.raises(InvalidRequestError, match="not well-formed"):
        form.read(100.0, is_followed=True)
    payload.set_exception(ValueError())
