"""Passes a whole response of OpenAI through, after checking it, with the provider's name spliced in."""

from __future__ import annotations

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk import chunk_from_object
from proxy.dialects.hub.record import record_chunk
from proxy.dialects.hub.splice import append_member, provider_member
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import to_utf8
from proxy.errors import MalformedResponse


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Append `"provider"` as the last member, byte-exact otherwise. Raises MalformedResponse if a 200 body has an error."""
    body = parse_success_body(data)
    completion = chunk_from_object(body)
    if "choices" in body and not completion.choices:
        raise MalformedResponse("the provider answered 200 without a choice in it")
    record_chunk(completion, context.answer)
    return append_member(to_utf8(data), provider_member(context.provider))
