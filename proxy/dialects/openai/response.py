"""A whole answer of an OpenAI host: checked, noted, and passed with who served it spliced in."""

from __future__ import annotations

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk import chunk_from_object
from proxy.dialects.hub.record import record_chunk
from proxy.dialects.hub.splice import splice_provider
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import to_utf8
from proxy.errors import MalformedResponse


def translate_response(data: bytes, reading: ResponseContext) -> bytes:
    """The same bytes with `"provider"` as their last member. Raises MalformedResponse for an error in a 200's clothes."""
    body = parse_success_body(data)
    seen = chunk_from_object(body)
    if "choices" in body and not seen.choices:
        raise MalformedResponse("the provider answered 200 without a choice in it")
    record_chunk(seen, reading.answer)
    return splice_provider(to_utf8(data), reading.provider)
