"""A whole answer of an OpenAI host: checked, noted, and passed with who served it spliced in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.contract import Reading
from proxy.dialects.faults import message_of, refused
from proxy.dialects.openai.events import counted
from proxy.errors import BadAnswer, Refused
from proxy.messages import Answer, Headers


def answer(data: bytes, reading: Reading) -> bytes:
    """The same bytes with `"provider"` as their last member. Raises BadAnswer for an error in a 200's clothes."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("the provider answered 200 with something that is not JSON") from error
    if not isinstance(body, dict) or not body:
        raise BadAnswer("the provider answered 200 without an answer in it")
    if body.get("error"):
        raise BadAnswer(f"the provider answered 200 with an error: {message_of(data)}")
    if "choices" in body and not choices(body):
        raise BadAnswer("the provider answered 200 without a choice in it")
    note(body, reading.answer)
    return splice(data, reading.provider)


def note(body: Mapping[str, Any], seen: Answer) -> None:
    """What the log, the costs and the terminal rule need of an answer or a chunk; a host may leave any of it out."""
    model, usage = body.get("model"), body.get("usage")
    seen.id = seen.id or body.get("id")
    seen.model = model if model and isinstance(model, str) else seen.model
    seen.usage = counted(usage) or seen.usage
    for choice in choices(body):
        finish, index = choice.get("finish_reason"), choice.get("index")
        if delta := choice.get("delta"):
            _note_delta(delta, seen)
        seen.finish = finish or seen.finish
        if isinstance(index, int):
            seen.ended[index] = bool(finish) or seen.ended.get(index, False)


def _note_delta(delta: Any, seen: Answer) -> None:
    """The text so far, for going on elsewhere with it; anything else cannot be gone on with."""
    if not isinstance(delta, dict):
        seen.plain = False
        return
    content = delta.get("content")
    if isinstance(content, str) and content:
        seen.say(content)
    if not delta.keys() <= _TEXT and any(delta[name] for name in delta.keys() - _TEXT):
        seen.plain = False


_TEXT = frozenset({"content", "role"})


def choices(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices of an answer or a chunk, less what does not look like one."""
    listed = body.get("choices")
    return [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []


def splice(data: bytes, provider: str, end: int | None = None) -> bytes:
    """A JSON object, or bytes with one before `end`, with `"provider"` added before its last brace; nothing else moves."""
    brace = data.rindex(b"}", 0, end)
    before = data[:brace]
    comma = b"" if before.rstrip().endswith(b"{") else b","
    return b'%b%b"provider":"%b"%b' % (before, comma, provider.encode(), data[brace:])


def error(status: int, headers: Headers, body: bytes) -> Refused:
    """A refusal; where the body is OpenAI's envelope already it reaches the caller byte for byte."""
    members = _members(body)
    if members is None:
        return refused(status, headers, message_of(body))
    code = members.get("code") or members.get("type")
    own = body if 400 <= status < 500 and status not in (401, 403) else None
    return refused(
        status, headers, str(members["message"]), code=_text(code), param=_text(members.get("param")), body=own
    )


def _members(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    members = parsed.get("error") if isinstance(parsed, dict) else None
    return members if isinstance(members, dict) and members.get("message") else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
