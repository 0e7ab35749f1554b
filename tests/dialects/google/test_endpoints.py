"""Chat is translated, Google's own endpoint passes unchanged."""

from __future__ import annotations

import orjson
import pytest

from proxy.dialects.contract import CallerRequest
from proxy.dialects.google.endpoints import ENDPOINTS
from proxy.dialects.google.native_stream import NativeStream
from proxy.dialects.google.stream import GeminiStream
from tests.dialects.oracles import response_context

BODY = {
    "messages": [{"role": "user", "content": "Hi"}],
    "contents": [{"parts": [{"text": "Hi"}]}],
    "labels": {"a": "b"},
}
ANSWER = b'{"candidates": [{"content": {"parts": [{"text": "Yes"}]}, "finishReason": "STOP"}]}'


@pytest.mark.parametrize("endpoint", ["chat", "generate_content"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_endpoint_decides(endpoint: str, stream: bool) -> None:
    is_native = endpoint != "chat"
    context = response_context(endpoint=endpoint)
    request = ENDPOINTS.build_request(CallerRequest(endpoint, BODY, orjson.dumps(BODY), "org/served", stream=stream))
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    assert request.path == f"/v1beta/models/org%2Fserved:{method}"
    assert (orjson.loads(request.body).get("labels") is not None) == is_native
    assert (ENDPOINTS.translate_response(ANSWER, context) == ANSWER) == is_native
    assert isinstance(ENDPOINTS.stream_translator(context), NativeStream if is_native else GeminiStream)
