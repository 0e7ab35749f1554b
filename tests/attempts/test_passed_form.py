"""A form passes to one provider, with the model's name there."""

from __future__ import annotations

import pytest

from proxy.attempts.passed_form import allow_one_attempt, form_request
from proxy.attempts.planner import AttemptPlanner
from proxy.attempts.settings import FailoverOptions
from proxy.ingress.multipart import Form, Part
from proxy.memory_account import UNLIMITED
from proxy.upload import Upload
from tests.fakes import planned_exchange, request, start_attempt
from tests.test_upload import Sink

PART = b'Content-Disposition: form-data; name="model"\r\n\r\nm-a'
BEGINNING = b"--xyz\r\nthe field m"


@pytest.mark.parametrize("size, sent_size", [(100, 100 - len(b"the field m") + len(PART)), (None, None)])
async def test_the_model_is_that_of_the_target(size: int | None, sent_size: int | None) -> None:
    content_type = "multipart/form-data; boundary=xyz"
    one = planned_exchange(client_request=request({"Content-Type": content_type}))
    one.form, one.upload = Form({"model": "m"}, BEGINNING, Part(7, len(BEGINNING))), Upload(UNLIMITED, lambda: None)
    one.upload.begin([memoryview(BEGINNING)], size, held_bytes=len(BEGINNING))
    attempt = start_attempt(one)
    attempt.endpoint = "transcriptions"
    sent, sink = form_request(attempt, one.form, one.upload), Sink()
    assert (sent.path, sent.content_type, sent.body) == ("/audio/transcriptions", content_type, b"")
    one.upload.connect(sink)
    assert sink.parts == [b"--xyz\r\n", PART]
    assert one.upload.size == sent_size and one.form.beginning == b""


def test_there_is_one_attempt() -> None:
    one = planned_exchange()
    allow_one_attempt(one)
    assert AttemptPlanner(one, FailoverOptions()).attempts_left == 1
