"""A whole answer of an OpenAI host: checked, noted, and passed with who served it spliced in."""

from __future__ import annotations

from typing import Any

from proxy.dialects.contract import Reading
from proxy.dialects.faults import message_of, refused
from proxy.dialects.openai.chunk import Chunk, chunk
from proxy.dialects.openai.events import counted
from proxy.dialects.parse import parse_or_none, to_utf8
from proxy.dialects.shapes import text_of
from proxy.dialects.whole import opened
from proxy.errors import BadAnswer, Refused
from proxy.messages import Answer, Headers


def answer(data: bytes, reading: Reading) -> bytes:
    """The same bytes with `"provider"` as their last member. Raises BadAnswer for an error in a 200's clothes."""
    body = opened(data)
    seen = chunk(body)
    if "choices" in body and not seen.choices:
        raise BadAnswer("the provider answered 200 without a choice in it")
    note(seen, reading.answer)
    return splice(to_utf8(data), reading.provider)


def note(chunk: Chunk, seen: Answer) -> None:
    """What the log, the costs and the terminal rule need of an answer or a chunk; a host may leave any of it out."""
    seen.id = seen.id or text_of(chunk.id) or None
    seen.model = chunk.model or seen.model
    if chunk.usage:
        seen.usage = counted(chunk.usage)
    for choice in chunk.choices or ():
        if choice.delta:
            note_delta(choice.delta, seen)
        elif choice.text:
            seen.plain = False
        finish, index = choice.finish_reason, choice.index
        if finish:
            seen.finish = text_of(finish) or "stop"
        if index is not None and (finish or index not in seen.ended):
            seen.ended[index] = bool(finish)


def note_delta(delta: Any, seen: Answer) -> None:
    """The text so far, for going on elsewhere with it; anything else cannot be gone on with."""
    if not isinstance(delta, dict):
        seen.plain = False
        return
    for name, value in delta.items():
        if name == "content" and isinstance(value, str):
            seen.say(value)
        elif value and name != "role":
            seen.plain = False


def splice(data: bytes, provider: str) -> bytes:
    """A JSON object, alone or last in `data`, with `"provider"` added before its last brace; nothing else moves."""
    return spliced(data, member(provider))


def member(provider: str) -> bytes:
    """`"provider"` as the member of an object that is not its first."""
    return b',"provider":"%b"' % provider.encode()


def spliced(data: bytes, member: bytes) -> bytes:
    """The same with the member ready made."""
    before, brace, after = data.rpartition(b"}")
    first = before.rstrip()[-1:] == b"{"
    return b"".join((before, member[1:] if first else member, brace, after))


def error(status: int, headers: Headers, body: bytes) -> Refused:
    """A refusal; where the body is OpenAI's envelope already it reaches the caller byte for byte."""
    members = _members(body)
    if members is None:
        return refused(status, headers, message_of(body))
    code = members.get("code") or members.get("type")
    own = to_utf8(body) if 400 <= status < 500 and status not in (401, 403) else None
    return refused(status, headers, message_of(body), code=_text(code), param=_text(members.get("param")), body=own)


def _members(body: bytes) -> dict[str, Any] | None:
    parsed = parse_or_none(body)
    members = parsed.get("error") if isinstance(parsed, dict) else None
    return members if isinstance(members, dict) and members.get("message") else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
