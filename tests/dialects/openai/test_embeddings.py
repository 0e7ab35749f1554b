"""Requests for embeddings pass, but for what OpenAI refuses. Answers pass byte for byte, and their vectors are not parsed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest
from proxy.dialects.openai import DIALECT
from proxy.errors import InvalidRequestError, MalformedResponse
from tests.dialects.oracles import response_context


def test_an_answer_passes_with_the_providers_name() -> None:
    data = (
        b'{"data": [ {"embedding": [0.10, 1e400]} ], "model": "m-1", "usage": {"prompt_tokens": 3, "total_tokens": 3}}'
    )
    context = response_context(endpoint="embeddings")
    answer = DIALECT.translate_response(data, context)
    assert answer == data[:-1] + b',"provider":"prov"}'
    state = context.answer
    assert (state.model, state.done, state.usage) == ("m-1", True, {"prompt_tokens": 3, "total_tokens": 3})


@pytest.mark.parametrize(
    ("model", "members", "sent", "warnings"),
    [
        ("text-embedding-3-small", {"dimensions": 8, "user": "u"}, {"dimensions": 8, "user": "u"}, ()),
        ("text-embedding-3-small", {"input_type": "clustering"}, {}, ("param-dropped;name=input_type",)),
        ("text-embedding-3-small", {"output_dtype": "float"}, {}, ()),
        ("text-embedding-ada-002", {"dimensions": 1536}, {}, ()),
    ],
)
def test_what_openai_refuses_is_left_out(
    model: str, members: dict[str, Any], sent: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    body = {"model": "m", "input": "a", **members}
    built = DIALECT.build_request(CallerRequest("embeddings", body, orjson.dumps(body), model, False))
    assert orjson.loads(built.body) == {"model": model, "input": "a", **sent} and built.warnings == warnings


@pytest.mark.parametrize(
    ("model", "members"),
    [("text-embedding-ada-002", {"dimensions": 8}), ("text-embedding-3-small", {"output_dtype": "int8"})],
)
def test_what_would_change_the_vectors_is_an_error(model: str, members: dict[str, Any]) -> None:
    body = {"model": "m", "input": "a", **members}
    assert DIALECT.unsupported_embedding_params(body, model) == tuple(members)
    with pytest.raises(InvalidRequestError, match="not supported by this provider"):
        DIALECT.build_request(CallerRequest("embeddings", body, orjson.dumps(body), model, False))


@pytest.mark.parametrize("data", [b"", b"{}", b'{"data": 1}', b'{"error": {"message": "odd"}}', b'{"data": [}'])
def test_an_answer_without_vectors_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(data, response_context(endpoint="embeddings"))
