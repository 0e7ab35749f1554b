"""Test oracles for every dialect: the vendors' own SDK types, made strict, and OpenAI's stream reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from proxy.dialects.contract import ResponseContext
from proxy.messages import CompletionState, StreamTransform


@cache
def strict(type_: Any) -> SchemaValidator:
    """Return a validator of an SDK's type that rejects unknown members, and validates lists eagerly."""
    adapter = TypeAdapter(type_)
    adapter.rebuild(force=True)  # some SDKs build their types when they are first used
    return SchemaValidator(_make_strict(adapter.core_schema))


def _make_strict(node: Any) -> Any:
    if isinstance(node, (list, tuple)):
        return type(node)(map(_make_strict, node))
    if not isinstance(node, dict):
        return node
    node_schema = {key: _make_strict(value) for key, value in node.items() if key != "serialization"}
    if node.get("type") == "generator":
        items = {"type": "list", "items_schema": node_schema.get("items_schema", {"type": "any"})}
        return items | ({"ref": node["ref"]} if "ref" in node else {})
    if node.get("type") in ("typed-dict", "model-fields"):
        node_schema["extra_behavior"] = "forbid"
    return node_schema


def response_context(**changes: Any) -> ResponseContext:
    """Return a ResponseContext with the fixed values that golden files contain."""
    fixed = {
        "provider": "prov",
        "model": "asked",
        "id": "chatcmpl-1",
        "created": 1700000000,
        "answer": CompletionState(),
    }
    return ResponseContext(**(fixed | changes))


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Return a strategy of all ways to cut the bytes into pieces, empty ones included."""
    places = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    return places.map(lambda at: [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)])


def feed_all(transform: StreamTransform, pieces: list[bytes]) -> bytes:
    """Feed the pieces to a transform, end it, and return its whole output."""
    return b"".join([*map(transform.feed, pieces), transform.end()])


def single_bytes(data: bytes) -> list[bytes]:
    """Return the bytes one by one."""
    return [data[i : i + 1] for i in range(len(data))]


def events_of(stream: bytes) -> list[Any]:
    """Return the parsed data of each event, `[DONE]` as text. The stream must contain nothing else."""
    if not stream:
        return []
    assert stream.endswith(b"\n\n")
    frames = stream[:-2].split(b"\n\n")
    assert all(frame.startswith(b"data: ") and b"\n" not in frame for frame in frames)
    return [json.loads(frame[6:]) if frame != b"data: [DONE]" else "[DONE]" for frame in frames]


_EXTENSIONS = ("reasoning_content", "thinking_blocks", "extra_content", "images", "provider_finish_reason")


def without_extensions(value: Any) -> Any:
    """Return the value without the sidecar's additions to OpenAI's format."""
    if isinstance(value, list):
        return [without_extensions(item) for item in value]
    if isinstance(value, dict):
        return {key: without_extensions(item) for key, item in value.items() if key not in _EXTENSIONS}
    return value


def completion_of(stream: bytes) -> dict[str, Any]:
    """Return the completion that the OpenAI SDK assembles from a stream, each chunk of which must be valid for its type.

    `reasoning_content`, which the SDK does not know, is joined here."""
    chunks = [event for event in events_of(stream) if event != "[DONE]" and "error" not in event]
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk.pop("provider")) for chunk in chunks}) == 1
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    reasoning = ""
    for chunk in chunks:
        for choice in chunk["choices"]:
            reasoning += choice["delta"].get("reasoning_content", "")
        state.handle_chunk(ChatCompletionChunk.model_validate(without_extensions(chunk), extra="forbid"))
    whole = state.current_completion_snapshot.to_dict()  # the final one raises for `length` and `content_filter`
    return whole | ({"reasoning_content": reasoning} if reasoning else {})


def validate_completion(data: bytes) -> dict[str, Any]:
    """Parse a completion, which must be valid for the OpenAI SDK's type but for the sidecar's additions."""
    body: dict[str, Any] = json.loads(data)
    known = without_extensions(body)
    assert known.pop("provider")
    ChatCompletion.model_validate(known, extra="forbid")
    return body


_JUNK: tuple[Any, ...] = (None, True, 5, "x", [], {}, [5], [[]], {"type": "x"})


def corruptions(value: Any) -> Iterator[Any]:
    """Yield the JSON value with each of its parts in turn replaced by values of other types."""
    yield from _JUNK
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        for junk in corruptions(part):
            copy = value.copy()
            copy[key] = junk
            yield copy


def golden_files(folder: Path, pattern: str) -> list[Any]:
    """Return the files of a folder as parameters: `golden_files(here, "*.openai.json")`, each named by its stem."""
    files = sorted(folder.glob(pattern))
    assert files, f"no {pattern} in {folder}"
    return [pytest.param(file, id=file.name.split(".")[0]) for file in files]
