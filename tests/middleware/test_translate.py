"""Each attempt gets its request in its target's format before it is sent; what that cannot express excludes the target."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from proxy.dialects import DIALECTS, openai
from proxy.errors import InvalidRequestError
from proxy.middleware.translate import Translate
from tests.fakes import BODY, FakeTransport, exchange, planned_exchange, request, run_request, start_attempt
from tests.virtual_time import virtual_time


def test_an_attempt_gets_its_targets_request() -> None:
    planned = planned_exchange("b")
    planned.raw = orjson.dumps(BODY)
    attempt = start_attempt(planned)
    Translate().before(attempt)
    assert attempt.provider_request.path == "/chat/completions"
    assert orjson.loads(attempt.provider_request.body)["model"] == "m-b"


@virtual_time
async def test_a_target_whose_format_cannot_express_the_request_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(call):
        if call.model == "m-a":
            raise InvalidRequestError("cannot be expressed there")
        return openai.DIALECT.build_request(call)

    monkeypatch.setitem(DIALECTS, "openai", replace(openai.DIALECT, build_request=build))
    made = exchange(request({"X-Provider-Preference": "a,b,c"}), transport=FakeTransport([200]))
    client = await run_request(made)
    assert client.status == 200 and client.headers["X-Provider"] == "b"
    assert client.headers["X-Provider-Attempts"] == "1"
