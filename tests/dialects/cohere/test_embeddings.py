"""Requests for embeddings become Cohere's, and its answers OpenAI's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.cohere import DIALECT
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.embeddings import TOKENS
from proxy.errors import InvalidRequestError, MalformedResponse
from tests.dialects.oracles import response_context


def build(model: str = "embed-v4.0", **members: Any) -> ProviderRequest:
    body = {"model": "m", "input": "a", **members}
    return DIALECT.build_request(CallerRequest("embeddings", body, orjson.dumps(body), model, False))


@pytest.mark.parametrize(
    ("members", "sent"),
    [
        ({}, {"input_type": "search_document"}),
        ({"input": ["a", "b"], "input_type": "search_query"}, {"texts": ["a", "b"], "input_type": "search_query"}),
        ({"dimensions": 256}, {"output_dimension": 256}),
        ({"output_dtype": "int8"}, {"embedding_types": ["int8"]}),
        ({"user": "u", "encoding_format": "base64"}, {}),
    ],
)
def test_members_are_translated(members: dict[str, Any], sent: dict[str, Any]) -> None:
    base = {"model": "embed-v4.0", "texts": ["a"], "input_type": "search_document", "embedding_types": ["float"]}
    built = build(**members)
    assert orjson.loads(built.body) == {**base, **sent} and built.path == "/v2/embed" and not built.warnings


def test_many_texts_are_sent_in_parts_of_96() -> None:
    built = build(input=[str(number) for number in range(100)])
    assert [orjson.loads(part.body)["texts"][0] for part in built.parts] == ["0", "96"]
    assert [part.response_options["count"] for part in built.parts] == [96, 4]


def test_what_cohere_has_no_word_for_is_a_warning() -> None:
    built = build(input_type="question_answering", odd=1)
    assert orjson.loads(built.body)["input_type"] == "search_query"
    assert built.warnings == ("param-dropped;name=odd", "param-clamped;name=input_type;value=search_query")


@pytest.mark.parametrize(
    ("model", "members", "names"),
    [
        ("embed-v4.0", {"input": [1]}, (TOKENS,)),
        ("embed-english-v3.0", {"dimensions": 256}, ("dimensions",)),
        ("embed-english-v3.0", {"dimensions": 1024}, ()),
        ("embed-english-light-v3.0", {"dimensions": 384}, ()),
        ("new", {"dimensions": 7}, ()),
    ],
)
def test_unsupported_parameters_depend_on_the_model(model: str, members: Any, names: tuple[str, ...]) -> None:
    assert DIALECT.unsupported_embedding_params({"input": "a", **members}, model) == names


@pytest.mark.parametrize(
    ("model", "members", "message"),
    [
        ("embed-v4.0", {"dimensions": 300}, "dimensions: must be one of 256, 512, 1024, 1536 for this model"),
        ("embed-english-v3.0", {"dimensions": 300}, "dimensions: not supported by this provider"),
        ("embed-v4.0", {"input": [1, 2]}, "input .token numbers.: not supported"),
    ],
)
def test_what_would_change_the_vectors_is_an_error(model: str, members: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        build(model, **members)


@pytest.mark.parametrize(("dtype", "vector"), [("float", [0.5]), ("int8", [-7])])
def test_an_answer_has_the_vectors_of_the_type(dtype: str, vector: list[Any]) -> None:
    options = build(output_dtype=dtype, encoding_format="float").response_options
    context = response_context(endpoint="embeddings", response_options=options)
    body = {"embeddings": {dtype: [vector]}, "meta": {"billed_units": {"input_tokens": 4.0}}}
    answer = orjson.loads(DIALECT.translate_response(orjson.dumps(body), context))
    assert answer["data"][0]["embedding"] == vector and answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_an_answer_without_vectors_of_the_type_is_malformed() -> None:
    context = response_context(endpoint="embeddings", response_options=build().response_options)
    with pytest.raises(MalformedResponse, match="0 vectors to 1 texts"):
        DIALECT.translate_response(b'{"embeddings":{"int8":[[1]]}}', context)
