from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from mistralai.client.models import ChatCompletionResponse

from proxy.dialects.mistral import DIALECT
from proxy.errors import MalformedResponse
from tests.dialects.oracles import golden_files, response_context, validate_completion

ANSWERS = Path(__file__).parent / "answers"


@pytest.mark.parametrize("file", golden_files(ANSWERS, "*.mistral.json"))
def test_responses_match_the_golden_files(file: Path) -> None:  # G 44, 45
    ChatCompletionResponse.model_validate_json(file.read_bytes())
    body = validate_completion(
        DIALECT.translate_response(file.read_bytes(), response_context(tool_names={"a_b": "a.b"}))
    )
    assert body == orjson.loads(file.with_name(file.name.replace("mistral", "openai")).read_bytes())


def test_a_finish_reason_of_error_is_a_malformed_response() -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(
            b'{"choices":[{"message":{"content":""},"finish_reason":"error"}]}', response_context()
        )


@pytest.mark.parametrize("status, body, shown, code, trigger, param", [
    (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}]},
     422, "unknown_parameter", "invalid_request", "seed"),
    (422, {"object": "error", "message": {"detail": [{"loc": ["body", "top_p"], "msg": "too low", "type": "greater"}]}},
     422, "invalid_request", "invalid_request", "top_p"),
    (400, {"object": "error", "message": "Prompt contains 9 tokens, too large for model with 8 maximum context length",
           "type": "invalid_request_error", "code": "3051"}, 400, "context_length_exceeded", "context_length", None),
    (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
     404, "model_not_found", "not_found", None),
    (429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
     429, "rate_limit_exceeded", "rate_limit", None),
    (401, {"detail": "Unauthorized"}, 401, "upstream_auth_error", "auth_error", None),
    (401, {"message": "Unauthorized", "request_id": "x"}, 401, "upstream_auth_error", "auth_error", None),
    (402, {"message": "pay"}, 402, "insufficient_quota", "quota", None),
    (503, {"message": "busy"}, 503, "server_is_overloaded", "model_overloaded", None),
])  # fmt: skip
def test_errors_get_openais_envelope(
    status: int, body: Any, shown: int, code: str, trigger: str, param: str | None
) -> None:
    error = DIALECT.translate_error(status, {}, orjson.dumps(body))
    assert (error.status, error.code, error.trigger, error.param) == (shown, code, trigger, param)
    assert set(orjson.loads(error.body())["error"]) == {"message", "type", "param", "code"}
