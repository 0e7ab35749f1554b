"""Requests for embeddings pass to hosts as they are, and their answers come back as they were asked for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.compatible import DIALECT
from proxy.dialects.contract import CallerRequest
from proxy.errors import MalformedResponse
from tests.dialects.oracles import response_context

PACKED = "AACAPw=="
"""1.0"""


def answer_to(request: dict[str, Any], answer: Any) -> Any:
    built = DIALECT.build_request(CallerRequest("embeddings", request, orjson.dumps(request), "bge", False))
    context = response_context(endpoint="embeddings", response_options=built.response_options)
    return orjson.loads(DIALECT.translate_response(orjson.dumps(answer), context))


def test_a_request_passes_but_for_the_model() -> None:
    raw = b'{"model":"m", "input": [ 1,2 ], "odd":1, "routing":{}}'
    built = DIALECT.build_request(CallerRequest("embeddings", orjson.loads(raw), raw, "bge", False))
    assert built.body == b'{"model":"bge","input":[ 1,2 ],"odd":1}' and built.path == "/embeddings"


@pytest.mark.parametrize(
    ("encoding", "vector", "expected"),
    [("base64", PACKED, PACKED), ("base64", [1.0], PACKED), ("float", PACKED, [1.0]), (None, [1], [1]), (None, PACKED, [1.0])],
)  # fmt: skip
def test_a_host_may_answer_in_either_encoding(encoding: str | None, vector: Any, expected: Any) -> None:
    answer = answer_to({"input": "a", "encoding_format": encoding}, {"data": [{"embedding": vector}], "usage": {}})
    assert answer["data"] == [{"object": "embedding", "index": 0, "embedding": expected}]


@pytest.mark.parametrize(("usage", "tokens"), [({"prompt_tokens": 3}, 3), ({"total_tokens": 4}, 4), (None, 0)])
def test_usage_is_what_the_host_counts(usage: Any, tokens: int) -> None:
    answer = answer_to({"input": "a"}, {"data": [{"embedding": [1]}], "usage": usage})
    assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


@pytest.mark.parametrize(
    "answer", [{}, {"data": []}, {"data": [{}]}, {"data": [{"embedding": None}]}, {"error": "odd"}]
)
def test_an_answer_without_vectors_is_malformed(answer: Any) -> None:
    with pytest.raises(MalformedResponse):
        answer_to({"input": "a"}, answer)
