"""Chat is repaired. What passes unchanged is as at OpenAI."""

from __future__ import annotations

import orjson
import pytest

from proxy.dialects.compatible.endpoints import ENDPOINTS, has_content
from proxy.dialects.compatible.stream import RepairingStream
from proxy.dialects.contract import CallerRequest
from proxy.sse import Event
from tests.dialects.oracles import response_context

BODY = {"model": "asked", "prompt": "x", "max_completion_tokens": 5}


@pytest.mark.parametrize("endpoint", ENDPOINTS.paths)
def test_the_endpoint_decides(endpoint: str) -> None:
    request = ENDPOINTS.build_request(CallerRequest(endpoint, BODY, orjson.dumps(BODY), "served", stream=False))
    assert request.path == ENDPOINTS.paths[endpoint]
    sent = orjson.loads(request.body)
    assert sent["model"] == "served" and ("max_tokens" in sent) == (endpoint == "chat")
    stream = ENDPOINTS.stream_translator(response_context(endpoint=endpoint))
    assert isinstance(stream, RepairingStream) == (endpoint in ("chat", "embeddings"))


@pytest.mark.parametrize("data, expected", [
    ({"choices": [{"delta": {"content": "x"}}]}, True),
    ({"choices": [{"text": "x"}]}, True),
    ({"type": "speech.audio.delta", "audio": ""}, True),
    ({"type": "image_generation.partial_image"}, True),
    ({"choices": [{"delta": {"role": "assistant"}}]}, False),
])  # fmt: skip
def test_content_of_every_endpoint_is_found(data: object, expected: bool) -> None:
    assert has_content(Event("", orjson.dumps(data))) is expected
