"""Passes a whole response of OpenAI through, after checking it, with the provider's name spliced in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from proxy.dialects.coerce import object_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk import Chunk, chunk_from_object
from proxy.dialects.hub.record import record_chunk
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.hub.splice import insert_member, provider_member
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.hub.tool_renaming import with_original_names
from proxy.dialects.hub.usage import normalized_change
from proxy.dialects.lenient_json import serialize, to_utf8
from proxy.dialects.openai.embeddings import pass_embeddings
from proxy.dialects.openai.tables import ANSWER_MEMBERS, CHOICE_MEMBERS
from proxy.errors import MalformedResponse


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Append `"provider"` as the last member, byte-exact otherwise. Raises MalformedResponse if a 200 body has an error."""
    if context.endpoint == "embeddings":
        return pass_embeddings(data, context)
    body = parse_success_body(data)
    completion = chunk_from_object(body)
    _check(body, completion, context.endpoint)
    usage = normalized_change(body.get("usage")) if context.endpoint == "chat" else None
    if usage or context.tool_names:
        data = replace_members(data, _changes(body, usage, context), drop=())
        completion = replace(completion, usage=usage or completion.usage)
    record_chunk(completion, context.answer)
    data = to_utf8(data)
    return insert_member(data, data.rindex(b"}"), provider_member(context.provider))


def _changes(body: Mapping[str, Any], usage: Any, context: ResponseContext) -> dict[str, Any]:
    """Return the members that differ from OpenAI's: the usage of a host that counts otherwise, and changed names of tools."""
    choices = Raw(serialize(with_original_names(body["choices"], context.tool_names))) if context.tool_names else None
    return {name: value for name, value in (("usage", usage), ("choices", choices)) if value is not None}


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
