"""An answer to a request for embeddings has OpenAI's shape, whoever gave it and in however many parts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from msgspec import Raw, Struct
from openai.types import CreateEmbeddingResponse

from proxy.dialects.hub.embeddings_answer import build_embeddings, decode_answer, join_embeddings
from proxy.errors import MalformedResponse
from tests.dialects.oracles import response_context


class Answer(Struct):
    vectors: list[Raw]


def built(vectors: list[bytes], tokens: int | None = 3, **options: Any) -> bytes:
    given = {"count": len(vectors), "is_base64": False, **options}
    return build_embeddings(list(map(Raw, vectors)), tokens, response_context(response_options=given))


def test_an_answer_has_the_shape_of_openais() -> None:
    answer = CreateEmbeddingResponse.model_validate_json(built([b"[1]", b"[2]"]), strict=True)
    assert [(item.index, item.embedding) for item in answer.data] == [(0, [1]), (1, [2])]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3


def test_the_number_of_vectors_is_checked() -> None:
    with pytest.raises(MalformedResponse, match="1 vectors to 2 texts"):
        built([b"[1]"], count=2)


def test_usage_is_0_but_not_known_if_there_is_none() -> None:
    context = response_context(response_options={"count": 1, "is_base64": True})
    answer = orjson.loads(build_embeddings([Raw(b"[1]")], None, context))
    assert answer["usage"] == {"prompt_tokens": 0, "total_tokens": 0} and context.answer.usage is None
    assert context.answer.done and context.answer.model == answer["model"]


def test_answers_are_joined_with_one_index_and_one_usage() -> None:
    joined = orjson.loads(join_embeddings(b"[" + built([b"[1]", b"[2]"]) + b"," + built([b"[3]"], tokens=4) + b"]"))
    assert [(item["index"], item["embedding"]) for item in joined["data"]] == [(0, [1]), (1, [2]), (2, [3])]
    assert joined["usage"] == {"prompt_tokens": 7, "total_tokens": 7}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "without an answer"),
        (b'{"error":{"message":"odd"}}', "with an error: odd"),
        (b'{"vectors":1}', "without embeddings"),
        (b'{"id":1}', "without embeddings"),
        (b'{"vectors":' + b"[" * 100_000, "not JSON"),
    ],
)
def test_what_has_no_vectors_is_a_malformed_response(body: bytes, message: str) -> None:
    with pytest.raises(MalformedResponse, match=message):
        decode_answer(body, Answer)
