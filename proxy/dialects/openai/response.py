"""Passes a whole response of OpenAI through, after checking it, with the provider's name spliced in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk import Chunk, chunk_from_object
from proxy.dialects.hub.record import record_chunk
from proxy.dialects.hub.splice import append_member, provider_member
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import to_utf8
from proxy.dialects.openai.tables import ANSWER_MEMBERS, CHOICE_MEMBERS
from proxy.errors import MalformedResponse


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Append `"provider"` as the last member, byte-exact otherwise. Raises MalformedResponse if a 200 body has an error."""
    body = parse_success_body(data)
    completion = chunk_from_object(body)
    _check(body, completion, context.endpoint)
    record_chunk(completion, context.answer)
    return append_member(to_utf8(data), provider_member(context.provider))


def _check(body: Mapping[str, Any], completion: Chunk, endpoint: str) -> None:
    """Raise MalformedResponse unless the body has what the endpoint answers with."""
    member = ANSWER_MEMBERS.get(endpoint)
    if member is not None and not isinstance(body.get(member), list):
        raise MalformedResponse(f"the provider answered 200 without `{member}` in it")
    if "choices" in body and not completion.choices:
        raise MalformedResponse("the provider answered 200 without a choice in it")
    if endpoint in CHOICE_MEMBERS:
        name, kind = CHOICE_MEMBERS[endpoint]
        if [each for each in body["choices"] if not isinstance(object_of(each).get(name), kind)]:
            raise MalformedResponse(f"the provider answered 200 with a choice without `{name}`")
