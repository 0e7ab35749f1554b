"""An answer with embeddings passes byte for byte, and its vectors are not parsed."""

from __future__ import annotations

import pytest

from proxy.dialects.openai import DIALECT
from proxy.errors import MalformedResponse
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


@pytest.mark.parametrize("data", [b"", b"{}", b'{"data": 1}', b'{"error": {"message": "odd"}}', b'{"data": [}'])
def test_an_answer_without_vectors_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(data, response_context(endpoint="embeddings"))
