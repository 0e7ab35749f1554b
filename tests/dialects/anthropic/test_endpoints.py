"""Chat is translated, Anthropic's own endpoints pass unchanged."""

from __future__ import annotations

import orjson
import pytest

from proxy.dialects.anthropic.endpoints import ENDPOINTS
from proxy.dialects.anthropic.native_stream import NativeStream
from proxy.dialects.anthropic.stream import AnthropicStream
from proxy.dialects.contract import CallerRequest
from tests.dialects.oracles import response_context

BODY = {
    "model": "asked",
    "messages": [{"role": "user", "content": "Hi"}],
    "max_tokens": 5,
    "metadata": {"user_id": "u"},
}
ANSWER = b'{"id": "msg_1", "model": "m", "content": [], "stop_reason": "end_turn", "input_tokens": 5}'


@pytest.mark.parametrize("endpoint", ENDPOINTS.paths)
def test_the_endpoint_decides(endpoint: str) -> None:
    is_native = endpoint != "chat"
    context = response_context(endpoint=endpoint)
    request = ENDPOINTS.build_request(CallerRequest(endpoint, BODY, orjson.dumps(BODY), "served", stream=False))
    assert request.path == ENDPOINTS.paths[endpoint]
    assert (orjson.loads(request.body).get("metadata") is not None) == is_native
    assert (ENDPOINTS.translate_response(ANSWER, context) == ANSWER) == is_native
    assert isinstance(ENDPOINTS.stream_translator(context), NativeStream if is_native else AnthropicStream)
