"""A whole answer of an OpenAI host: checked, noted, and passed with who served it spliced in."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import error_response, message_from_body
from proxy.dialects.lenient_json import parse_or_none, to_utf8
from proxy.dialects.openai.chunk import Chunk, chunk_from_object
from proxy.dialects.openai.events import chat_usage
from proxy.dialects.success_body import parse_success_body
from proxy.errors import MalformedResponse, UpstreamErrorResponse
from proxy.messages import CompletionState, Headers


def translate_response(data: bytes, reading: ResponseContext) -> bytes:
    """The same bytes with `"provider"` as their last member. Raises MalformedResponse for an error in a 200's clothes."""
    body = parse_success_body(data)
    seen = chunk_from_object(body)
    if "choices" in body and not seen.choices:
        raise MalformedResponse("the provider answered 200 without a choice in it")
    record_chunk(seen, reading.answer)
    return splice_provider(to_utf8(data), reading.provider)


def record_chunk(chunk: Chunk, seen: CompletionState) -> None:
    """What the log, the costs and the terminal rule need of an answer or a chunk; a host may leave any of it out."""
    seen.id = seen.id or text_of(chunk.id) or None
    seen.model = chunk.model or seen.model
    if chunk.usage:
        seen.usage = chat_usage(chunk.usage)
    for choice in chunk.choices or ():
        if choice.delta:
            record_delta(choice.delta, seen)
        elif choice.text:
            seen.text_only = False
        finish, index = choice.finish_reason, choice.index
        if finish:
            seen.finish_reason = text_of(finish) or "stop"
        if index is not None and (finish or index not in seen.choice_finished):
            seen.choice_finished[index] = bool(finish)


def record_delta(delta: Any, seen: CompletionState) -> None:
    """The text so far, for going on elsewhere with it; anything else cannot be gone on with."""
    if not isinstance(delta, dict):
        seen.text_only = False
        return
    for name, value in delta.items():
        if name == "content" and isinstance(value, str):
            seen.append_text(value)
        elif value and name != "role":
            seen.text_only = False


def splice_provider(data: bytes, provider: str) -> bytes:
    """A JSON object, alone or last in `data`, with `"provider"` added before its last brace; nothing else moves."""
    return splice_member(data, provider_member(provider))


def provider_member(provider: str) -> bytes:
    """`"provider"` as the member of an object that is not its first."""
    return b',"provider":"%b"' % provider.encode()


def splice_member(data: bytes, member: bytes) -> bytes:
    """The same with the member ready made."""
    before, brace, after = data.rpartition(b"}")
    first = before.rstrip()[-1:] == b"{"
    return b"".join((before, member[1:] if first else member, brace, after))


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """A refusal; where the body is OpenAI's envelope already it reaches the caller byte for byte."""
    members = _members(body)
    if members is None:
        return error_response(status, headers, message_from_body(body))
    code = members.get("code") or members.get("type")
    own = to_utf8(body) if 400 <= status < 500 and status not in (401, 403) else None
    return error_response(
        status, headers, message_from_body(body), code=_text(code), param=_text(members.get("param")), body=own
    )


def _members(body: bytes) -> dict[str, Any] | None:
    parsed = parse_or_none(body)
    members = parsed.get("error") if isinstance(parsed, dict) else None
    return members if isinstance(members, dict) and members.get("message") else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
