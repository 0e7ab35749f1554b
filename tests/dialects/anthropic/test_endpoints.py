"""Chat is translated, Anthropic's own endpoints pass unchanged."""

from __future__ import annotations

import orjson
import pytest

from proxy.dialects.anthropic.endpoints import PATHS, build_request, stream_translator, translate_response
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


@pytest.mark.parametrize("endpoint", PATHS)
def test_the_endpoint_decides(endpoint: str) -> None:
    is_native = endpoint != "chat"
    context = response_context(endpoint=endpoint)
    request = build_request(CallerRequest(endpoint, BODY, orjson.dumps(BODY), "served", stream=False))
    assert request.path == PATHS[endpoint]
    assert (orjson.loads(request.body).get("metadata") is not None) == is_native
    assert (translate_response(ANSWER, context) == ANSWER) == is_native
    assert isinstance(stream_translator(context), NativeStream if is_native else AnthropicStream)
