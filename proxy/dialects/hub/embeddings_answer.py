"""Builds the answer to a request for embeddings in OpenAI's format, and joins those of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.hub.vectors import encode_vector
from proxy.errors import MalformedResponse

T = TypeVar("T", bound=Struct)

_encode = msgspec.json.Encoder().encode


class _Item(Struct, frozen=True):
    object: str
    index: int
    embedding: Raw


class _Usage(Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class _Answer(Struct, frozen=True):
    object: str
    data: list[_Item]
    model: str
    usage: _Usage
    provider: str


_decode_parts = msgspec.json.Decoder(list[_Answer]).decode


def decode_answer(data: bytes, kind: type[T]) -> T:
    """Decode a 200 body of embeddings, with its vectors as `Raw`, which are not parsed. Raises MalformedResponse."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        parse_success_body(data)  # has a better message for an error, and for what is not JSON
        raise MalformedResponse("the provider answered 200 without embeddings in it") from error


def build_embeddings(
    vectors: Sequence[Raw], prompt_tokens: int | None, context: ResponseContext, *, model: str = ""
) -> bytes:
    """Return the answer with these vectors, and record it in the context. Raises MalformedResponse.

    Its usage is 0, and its cost unknown, if the provider does not count tokens. `model` is the one that it names.
    """
    options = context.response_options
    if len(vectors) != options["count"]:
        raise MalformedResponse(f"the provider answered with {len(vectors)} vectors to {options['count']} texts")
    items = [
        _Item(
            "embedding",
            index,
            encode_vector(vector, is_base64=options["is_base64"], is_normalized=options.get("is_normalized", False)),
        )
        for index, vector in enumerate(vectors)
    ]
    tokens = prompt_tokens or 0
    state = context.answer
    state.model, state.done = model or context.model, True
    state.usage = None if prompt_tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
    return _encode(_Answer("list", items, state.model, _Usage(tokens, tokens), context.provider))


def join_embeddings(data: bytes) -> bytes:
    """Return one answer in place of a JSON array of the answers to a request's parts."""
    answers = _decode_parts(data)
    vectors = [item.embedding for answer in answers for item in answer.data]
    items = [_Item("embedding", index, vector) for index, vector in enumerate(vectors)]
    tokens = sum([answer.usage.prompt_tokens for answer in answers])
    return _encode(_Answer("list", items, answers[0].model, _Usage(tokens, tokens), answers[0].provider))
