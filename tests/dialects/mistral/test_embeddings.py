"""Requests for embeddings become Mistral's, and its answers OpenAI's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.mistral import DIALECT
from proxy.errors import InvalidRequestError
from tests.dialects.oracles import response_context


def build(model: str = "mistral-embed", **members: Any) -> ProviderRequest:
    body = {"model": "m", "input": "a", **members}
    return DIALECT.build_request(CallerRequest("embeddings", body, orjson.dumps(body), model, False))


@pytest.mark.parametrize(
    ("model", "members", "sent"),
    [
        ("mistral-embed", {"user": "u", "encoding_format": "base64", "dimensions": 1024}, {}),
        ("mistral-embed", {"output_dtype": "float"}, {}),
        ("codestral-embed-2505", {"dimensions": 8, "output_dtype": "int8"}, {"output_dimension": 8, "output_dtype": "int8"}),
    ],
)  # fmt: skip
def test_members_are_translated(model: str, members: dict[str, Any], sent: dict[str, Any]) -> None:
    built = build(model, **members)
    assert orjson.loads(built.body) == {"model": model, "input": ["a"], **sent}
    assert built.path == "/v1/embeddings" and not built.warnings


@pytest.mark.parametrize(
    ("texts", "sizes"), [(["a"] * 256, []), (["a"] * 257, [256, 1]), (["a" * 20_000, "b" * 20_000, "c"], [1, 2])]
)
def test_a_request_has_no_more_texts_or_characters_than_mistral_takes(texts: list[str], sizes: list[int]) -> None:
    assert [len(orjson.loads(part.body)["input"]) for part in build(input=texts).parts] == sizes


def test_an_input_type_is_dropped_with_a_warning() -> None:
    assert build(input_type="search_query").warnings == ("param-dropped;name=input_type",)


@pytest.mark.parametrize("members", [{"dimensions": 8}, {"output_dtype": "int8"}, {"input": [1]}])
def test_what_would_change_the_vectors_is_an_error(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="not supported by this provider"):
        build(**members)


def test_an_answer_is_put_in_order_and_in_the_encoding_that_was_asked_for() -> None:
    options = build(input=["a", "b"], encoding_format="base64").response_options
    context = response_context(endpoint="embeddings", response_options=options)
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    body = {"model": "mistral-embed-2312", "data": data, "usage": {"prompt_tokens": 5, "total_tokens": 5}}
    answer = orjson.loads(DIALECT.translate_response(orjson.dumps(body), context))
    assert [item["embedding"] for item in answer["data"]] == ["AACAPw==", "AAAAQA=="]
    assert answer["model"] == context.answer.model == "mistral-embed-2312" and answer["usage"]["prompt_tokens"] == 5
