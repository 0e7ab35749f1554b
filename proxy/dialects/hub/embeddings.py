"""Reads a request for embeddings in OpenAI's format, and splits its texts into what a provider takes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from msgspec import Struct

from proxy.dialects.contract import ProviderRequest
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.params import IGNORABLE_PARAMS, check_essential

MAX_INPUTS = 2048
TOKENS = "input (token numbers)"
"""Names `input` among the unsupported parameters of a provider that takes texts only."""
ESSENTIAL_PARAMS = ("input", "dimensions", "output_dtype")
"""Parameters without which the vectors would be others than requested. They are never dropped."""
INPUT_TYPES = (
    "search_document", "search_query", "classification", "clustering",
    "semantic_similarity", "question_answering", "fact_verification", "code_retrieval_query",
)  # fmt: skip
"""What the vectors are for: Cohere's and Google's words. OpenAI has no such parameter."""
DTYPES = ("float", "int8", "uint8", "binary", "ubinary")
_ALWAYS_SUPPORTED = frozenset({"model", "input", "encoding_format"}) | IGNORABLE_PARAMS


class EmbeddingsRequest(Struct, frozen=True):
    """What a request for embeddings asks for."""

    texts: list[str]
    dimensions: int | None
    is_base64: bool
    input_type: str | None
    dtype: str

    def __repr__(self) -> str:
        return f"EmbeddingsRequest({len(self.texts)} texts)"  # they are the caller's


def parse_embeddings(body: Mapping[str, Any]) -> EmbeddingsRequest:
    """Return what the request asks for. Raises InvalidRequestError for a member that is malformed or out of range."""
    dimensions = body.get("dimensions")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise invalid_param("dimensions", "must be a whole number from 1")
    return EmbeddingsRequest(
        texts=_texts(body.get("input")),
        dimensions=dimensions,
        is_base64=_word(body, "encoding_format", ("float", "base64")) == "base64",
        input_type=_word(body, "input_type", INPUT_TYPES),
        dtype=_word(body, "output_dtype", DTYPES) or "float",
    )


def _texts(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_INPUTS:
        raise invalid_param("input", f"must be a string, or an array of 1 to {MAX_INPUTS} strings")
    for index, text in enumerate(texts):
        if not isinstance(text, str) or not text:
            raise invalid_param(f"input[{index}]" if texts is value else "input", "must be a string that is not empty")
    return texts


def _word(body: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str | None:
    value = body.get(name)
    if value is not None and value not in allowed:
        raise invalid_param(name, f"must be one of {', '.join(allowed)}")
    return value


def essential_embedding_params(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the essential parameters of a request."""
    return {name: body[name] for name in ESSENTIAL_PARAMS if body.get(name) is not None}


def unsupported_embedding_params(
    body: Mapping[str, Any], supported: Set[str], sizes: Sequence[int] | None
) -> tuple[str, ...]:
    """Return the parameters that a provider of texts cannot express. It supports those in `supported`.

    `sizes` are the lengths of the model's vectors, None if they are not known. A single one cannot be changed.
    """
    known = supported | _ALWAYS_SUPPORTED
    names = [name for name, value in body.items() if name not in known and value is not None]
    has_other_size = sizes is not None and len(sizes) == 1 and body.get("dimensions") not in (None, sizes[0])
    dtype = body.get("output_dtype")
    return (
        *([TOKENS] if _has_tokens(body.get("input")) else ()),
        *(["dimensions"] if has_other_size else ()),
        *(name for name in names if (name, dtype) != ("output_dtype", "float")),
    )


def check_supported(unsupported: Iterable[str]) -> None:
    """Raise InvalidRequestError if one of these parameters must not be dropped."""
    check_essential(unsupported, ESSENTIAL_PARAMS)


def count_inputs(value: Any) -> int:
    """Return the number of vectors that an `input` gets. A list of token numbers is one."""
    return len(value) if isinstance(value, list) and value and isinstance(value[0], (str, list)) else 1


def _has_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], (int, list))


def size_to_request(dimensions: int | None, sizes: Sequence[int] | None) -> int | None:
    """Return the length to ask a provider for, None for its own. Raises InvalidRequestError for one it does not have."""
    if dimensions is None or sizes is None:
        return dimensions
    if dimensions not in sizes:
        is_range = isinstance(sizes, range)
        allowed = f"{sizes[0]} to {sizes[-1]}" if is_range else ", ".join(map(str, sizes))
        raise invalid_param(
            "dimensions", f"must be {'' if is_range or len(sizes) == 1 else 'one of '}{allowed} for this model"
        )
    return dimensions if len(sizes) > 1 else None


def batches(texts: Sequence[str], max_texts: int, max_chars: float = float("inf")) -> Iterator[list[str]]:
    """Yield the texts in order, in lists of at most so many texts and characters. A longer text is alone in its list."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        if batch and (len(batch) == max_texts or chars + len(text) > max_chars):
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text)
    if batch:
        yield batch


def in_parts(parts: Sequence[ProviderRequest], warnings: tuple[str, ...]) -> ProviderRequest:
    """Return the request that is sent as these parts, which is the part itself if there is only one."""
    if len(parts) == 1:
        return ProviderRequest(
            parts[0].path, parts[0].body, warnings=warnings, response_options=parts[0].response_options
        )
    return ProviderRequest(warnings=warnings, parts=tuple(parts))
