"""A request for embeddings is read, or rejected with the name of the member and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from proxy.dialects.contract import ProviderRequest
from proxy.dialects.hub.embeddings import (
    TOKENS,
    EmbeddingsRequest,
    batches,
    check_supported,
    count_inputs,
    essential_embedding_params,
    in_parts,
    parse_embeddings,
    size_to_request,
    unsupported_embedding_params,
)
from proxy.errors import InvalidRequestError


def test_a_request_is_read_with_defaults() -> None:
    assert parse_embeddings({"input": "a"}) == EmbeddingsRequest(["a"], None, False, None, "float")
    body = {"input": ["a", "b"], "dimensions": 8, "encoding_format": "base64", "input_type": "search_query"}
    assert parse_embeddings(body) == EmbeddingsRequest(["a", "b"], 8, True, "search_query", "float")


@pytest.mark.parametrize(
    ("members", "param", "message"),
    [
        ({"input": None}, "input", "must be a string, or an array of 1 to 2048 strings"),
        ({"input": []}, "input", "1 to 2048"),
        ({"input": ["x"] * 2049}, "input", "1 to 2048"),
        ({"input": ""}, "input", "not empty"),
        ({"input": ["a", ""]}, "input[1]", "not empty"),
        ({"input": [1, 2]}, "input[0]", "must be a string"),
        ({"dimensions": 0}, "dimensions", "a whole number from 1"),
        ({"dimensions": "8"}, "dimensions", "a whole number from 1"),
        ({"dimensions": True}, "dimensions", "a whole number from 1"),
        ({"encoding_format": "hex"}, "encoding_format", "float, base64"),
        ({"input_type": "query"}, "input_type", "search_document, search_query, classification, clustering"),
        ({"output_dtype": "int4"}, "output_dtype", "float, int8, uint8, binary, ubinary"),
        ({"output_dtype": ["int8"]}, "output_dtype", "float, int8"),
    ],
)
def test_an_error_names_the_member_and_what_is_allowed(members: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_embeddings({"input": "a", **members})
    assert caught.value.param == param and message in caught.value.message


@pytest.mark.parametrize(
    ("members", "sizes", "names"),
    [
        ({"user": "u", "encoding_format": "base64", "metadata": {}}, None, ()),
        ({"input": [1, 2]}, None, (TOKENS,)),
        ({"input": [[1], [2]]}, None, (TOKENS,)),
        ({"dimensions": 8}, None, ()),
        ({"dimensions": 8}, (4, 8), ()),
        ({"dimensions": 8}, (1024,), ("dimensions",)),
        ({"dimensions": 1024}, (1024,), ()),
        ({"output_dtype": "float"}, None, ()),
        ({"output_dtype": "int8", "odd": 1, "none": None}, None, ("output_dtype", "odd")),
    ],
)
def test_unsupported_parameters_are_named(
    members: dict[str, Any], sizes: Sequence[int] | None, names: tuple[str, ...]
) -> None:
    body = {"model": "m", "input": "a", **members}
    assert unsupported_embedding_params(body, frozenset({"dimensions"}), sizes) == names


@pytest.mark.parametrize("name", [TOKENS, "dimensions", "output_dtype"])
def test_what_changes_the_vectors_is_not_dropped(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="not supported by this provider") as caught:
        check_supported(["odd", name])
    assert caught.value.param == name.split(" ")[0]
    check_supported(["odd", "input_type"])


@pytest.mark.parametrize(
    ("value", "count"), [("a", 1), (["a"], 1), (["a", "b"], 2), ([1, 2], 1), ([[1], [2]], 2), ([], 1)]
)
def test_each_input_has_a_vector(value: Any, count: int) -> None:
    assert count_inputs(value) == count


def test_the_essential_parameters_are_those_that_have_a_value() -> None:
    assert essential_embedding_params({"input": "a", "dimensions": None, "user": "u"}) == {"input": "a"}


@pytest.mark.parametrize(
    ("dimensions", "sizes", "expected"),
    [(None, (4,), None), (8, None, 8), (8, (4, 8), 8), (4, (4,), None), (3, range(1, 5), 3)],
)
def test_the_length_is_one_that_the_model_has(dimensions: Any, sizes: Any, expected: int | None) -> None:
    assert size_to_request(dimensions, sizes) == expected


@pytest.mark.parametrize(
    ("sizes", "allowed"),
    [((4, 8), "must be one of 4, 8 for"), ((4,), "must be 4 for"), (range(1, 5), "must be 1 to 4")],
)
def test_another_length_is_an_error_that_names_what_is_allowed(sizes: Any, allowed: str) -> None:
    with pytest.raises(InvalidRequestError, match=allowed) as caught:
        size_to_request(9, sizes)
    assert caught.value.param == "dimensions"


def test_texts_are_batched_in_order_by_number_and_length() -> None:
    assert list(batches(["a"] * 5, 2)) == [["a", "a"], ["a", "a"], ["a"]]
    assert list(batches(["aa", "bb", "cccccc", "d"], 9, 4)) == [["aa", "bb"], ["cccccc"], ["d"]]


def test_one_part_is_the_request_itself() -> None:
    part, other = ProviderRequest("/e", b"1", response_options={"count": 1}), ProviderRequest("/e", b"2")
    assert in_parts([part], ("w",)) == ProviderRequest("/e", b"1", warnings=("w",), response_options={"count": 1})
    assert in_parts([part, other], ("w",)) == ProviderRequest(warnings=("w",), parts=(part, other))
