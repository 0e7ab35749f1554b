"""Changes inputs: whole JSON documents, event streams whose data is JSON, and any other bytes. Randomness is an argument."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from proxy.sse import data_of, decode, encode, split_frames

Json = Any
Node = tuple[Any, Any]
"""A container and the key of one of its values."""

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**18, 2**64, 10**40, 1e300, float("inf"), float("nan"),
    "", "a", "null", "{", "[[", "\ud83d", "\ude00", "\u0000", "data:", "x" * 300, [], {}, [[]], {"type": "x"}, [None], {"": {}},
)  # fmt: skip
"""Values of every type, among them those that one JSON parser accepts and another does not."""
TOKENS = (
    b"\n\n", b"\r", b"\r\n\r\n", b": ping\n\n", b"data: ", b"data: [DONE]\n\n", b"event: error\n", b"\xef\xbb\xbf", b"\xff", b"\x00",
    b"\\ud83d", b"[" * 300, b'{"a":' * 300, b"NaN", b"9" * 30, b"}", b'"', b"id: 1\n", b"0\r\n\r\n",
)  # fmt: skip
MAX_BYTES = 20_000


def mutate(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the data with a few changes, which may take parts of the other inputs."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        change = change_document if is_document(data) else random.choice((change_event, change_event, change_frames))
        if random.random() < 0.1:
            change = change_bytes
        data = change(data, random, others)
    return data[:MAX_BYTES]


def is_document(data: bytes) -> bool:
    return data.lstrip()[:1] in (b"{", b"[")


def parsed(data: bytes) -> Json:
    """Return the JSON value, None for what is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def written(value: Json) -> bytes:
    """Serialise with Python's own encoder, which writes more than orjson does."""
    return json.dumps(value).encode()


def nodes(value: Json) -> list[Node]:
    """Return every value inside, outermost first."""
    found: list[Node] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for key, inner in pairs:
            found.append((container, key))
            if isinstance(inner, (dict, list)):
                waiting.append(inner)
    return found


def change_document(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change one value in a JSON document."""
    value = parsed(data)
    found = nodes(value) if isinstance(value, (dict, list)) else []
    if not found:
        return change_bytes(data, random, others)
    donor = parsed(json_of(random.choice(others), random)) if others else None
    given = nodes(donor) if isinstance(donor, (dict, list)) else found
    random.choice(CHANGES)(random.choice(found), random.choice(given or found), random)
    return written(value)


def json_of(data: bytes, random: Random) -> bytes:
    """Return the document, or the data of an event."""
    if is_document(data):
        return data
    return data_of(random.choice(split_frames(data) or [b""])) or b""


def _replace(node: Node, other: Node, random: Random) -> None:
    node[0][node[1]] = random.choice(JUNK)


def _copy(node: Node, other: Node, random: Random) -> None:
    node[0][node[1]] = json.loads(json.dumps(other[0][other[1]]))


def _remove(node: Node, other: Node, random: Random) -> None:
    del node[0][node[1]]


def _repeat(node: Node, other: Node, random: Random) -> None:
    container, key = node
    if isinstance(container, list):
        container.insert(random.randrange(len(container) + 1), container[key])
    else:
        container[random.choice(("type", "id", "index", f"{key}_", "role"))] = container[key]


def _wrap(node: Node, other: Node, random: Random) -> None:
    inner = node[0][node[1]]
    node[0][node[1]] = [inner] if random.random() < 0.5 else {str(other[1]): inner}


def _unwrap(node: Node, other: Node, random: Random) -> None:
    inner = node[0][node[1]]
    values = list(inner.values()) if isinstance(inner, dict) else inner
    node[0][node[1]] = random.choice(values) if isinstance(values, list) and values else random.choice(JUNK)


def _add(node: Node, other: Node, random: Random) -> None:
    if isinstance(node[0], dict):
        node[0][str(other[1])] = json.loads(json.dumps(other[0][other[1]]))
    else:
        _repeat(node, other, random)


CHANGES: Sequence[Callable[[Node, Node, Random], None]] = (
    _replace, _replace, _copy, _remove, _repeat, _wrap, _unwrap, _add,
)  # fmt: skip


def change_event(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change one value in the data of one event."""
    frames = split_frames(data)
    if not frames:
        return random.choice(TOKENS)
    at = random.randrange(len(frames))
    event = decode(frames[at])
    if event.data is None or not is_document(event.data):
        return change_bytes(data, random, others)
    frames[at] = encode(change_document(event.data, random, others).replace(b"\n", b" "), event.name)
    return b"".join(frames)


def change_frames(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Drop, repeat or move an event, or take one of another stream."""
    frames = split_frames(data)
    given = split_frames(random.choice(others)) if others else frames
    kind = random.randrange(3)
    if kind and frames:
        frames.pop(random.randrange(len(frames)))
    if kind != 1 and (pool := given if random.random() < 0.5 else frames or given):
        frames.insert(random.randrange(len(frames) + 1), random.choice(pool))
    return b"".join(frames)


def change_bytes(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Replace a few bytes by none, by others or by a token."""
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((0, 1, 1, 2, 8, 40)))
    other = random.choice(others) if others else data
    at = random.randrange(len(other) + 1)
    middle = random.choice((b"", random.randbytes(1), random.choice(TOKENS), other[at : at + 30], data[start:end] * 3))
    return data[:start] + middle + data[end:]
