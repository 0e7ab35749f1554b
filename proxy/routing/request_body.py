"""Schemas of the request body members that routing reads, by endpoint. Other members are ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct, ValidationError, convert

from proxy.errors import InvalidRequestError

PositiveInt = Annotated[int, Meta(ge=1)]


class Message(Struct, frozen=True):
    """A chat message. The dialects check its content."""

    role: str
    content: Any = None
    tool_calls: Any = None


class RequestBody(Struct, frozen=True):
    """Members that the body of any endpoint may have. null means the same as a missing member."""

    model: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    n: PositiveInt | None = None
    response_format: Any = None
    tools: Any = None
    functions: Any = None
    prompt: Any = None
    input: Any = None
    instructions: Any = None

    @property
    def output_token_limit(self) -> int | None:
        """The maximum tokens of a choice, or None if the body sets no limit."""
        return None

    @property
    def other_texts(self) -> tuple[Any, ...]:
        """The members that hold text outside of chat messages."""
        return self.tools, self.prompt, self.input, self.instructions


class ChatBody(RequestBody, frozen=True):
    """Further members of a chat completion."""

    messages: list[Message] | None = None
    max_completion_tokens: PositiveInt | None = None
    max_tokens: PositiveInt | None = None

    @property
    def output_token_limit(self) -> int | None:
        """See RequestBody."""
        return self.max_completion_tokens or self.max_tokens


class CompletionsBody(RequestBody, frozen=True):
    """Further members of a text completion."""

    max_tokens: PositiveInt | None = None
    best_of: PositiveInt | None = None

    @property
    def output_token_limit(self) -> int | None:
        """See RequestBody."""
        return self.max_tokens


class MessagesBody(RequestBody, frozen=True):
    """Further members of a request to /messages."""

    max_tokens: PositiveInt | None = None
    messages: Any = None
    system: Any = None

    @property
    def output_token_limit(self) -> int | None:
        """See RequestBody."""
        return self.max_tokens

    @property
    def other_texts(self) -> tuple[Any, ...]:
        """See RequestBody."""
        return self.tools, self.messages, self.system


class GeminiBody(RequestBody, frozen=True):
    """Further members of a request to generate content."""

    contents: Any = None

    @property
    def other_texts(self) -> tuple[Any, ...]:
        """See RequestBody."""
        return self.tools, self.contents


class GeminiEmbeddingsBody(RequestBody, frozen=True):
    """Further members of a request to embed contents."""

    content: Any = None
    requests: Any = None

    @property
    def other_texts(self) -> tuple[Any, ...]:
        """See RequestBody."""
        return self.content, self.requests


class ResponsesBody(RequestBody, frozen=True):
    """Further members of a request to /responses."""

    max_output_tokens: PositiveInt | None = None

    @property
    def output_token_limit(self) -> int | None:
        """See RequestBody."""
        return self.max_output_tokens


BodyT = TypeVar("BodyT", bound=RequestBody)


def parse_body(body: Mapping[str, Any], kind: type[BodyT]) -> BodyT:
    """Convert a JSON object to its schema. Raises InvalidRequestError for the first member of a wrong type."""
    try:
        return convert(body, kind)
    except ValidationError as error:
        raise _invalid_request(str(error)) from None


_MSGSPEC_ERROR = re.compile(
    r"(?:Expected `(?P<expected>\w+)(?: \| null)?`(?:, got `(?P<got>\w+)`)?.*|.*missing required field `(?P<field>\w+)`)"
    r" - at `\$\.?(?P<path>.*)`"
)
"""The texts of msgspec.ValidationError."""

_EXPECTED: Mapping[str, str] = {
    "array": "an array of messages",
    "bool": "a boolean",
    "int": "a whole number",
    "object": "an object",
    "str": "a string",
}
_GOT = {**_EXPECTED, "array": "an array", "int": "a number", "float": "a number"}


def _invalid_request(message: str) -> InvalidRequestError:
    found = _MSGSPEC_ERROR.fullmatch(message)
    assert found is not None, message
    if found["field"]:
        path = f"{found['path']}.{found['field']}"
        return InvalidRequestError(f"'{path}' must be a string", param=path, code="invalid_type")
    path, expected, got = found["path"], _EXPECTED[found["expected"]], found["got"]
    if got is None:
        return InvalidRequestError(f"'{path}' must be {expected} above 0", param=path, code="invalid_value")
    what = f"must be {expected}, got {_GOT.get(got, 'something else')}"
    return InvalidRequestError(f"'{path}' {what}", param=path, code="invalid_type")
