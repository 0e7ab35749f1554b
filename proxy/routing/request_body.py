"""The members of a request's body that routing reads, each with its type; one that is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct, ValidationError, convert

from proxy.errors import InvalidRequestError

PositiveInt = Annotated[int, Meta(ge=1)]


class Message(Struct, frozen=True):
    """One message of a conversation; what it holds is for the dialects to read."""

    role: str
    content: Any = None
    tool_calls: Any = None


class RequestBody(Struct, frozen=True):
    """What any endpoint's body may have; null is the same as nothing."""

    model: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    n: PositiveInt | None = None
    thinking: Any = None
    reasoning: Any = None
    response_format: Any = None
    tools: Any = None
    functions: Any = None
    prompt: Any = None
    input: Any = None
    instructions: Any = None

    @property
    def output_token_limit(self) -> int | None:
        """Tokens that the answer may have at most, if the body can say it and does."""
        return None


class ChatBody(RequestBody, frozen=True):
    """What a chat's body may have besides."""

    messages: list[Message] | None = None
    max_completion_tokens: PositiveInt | None = None
    max_tokens: PositiveInt | None = None

    @property
    def output_token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class CompletionsBody(RequestBody, frozen=True):
    """What a completion's body may have besides."""

    max_tokens: PositiveInt | None = None

    @property
    def output_token_limit(self) -> int | None:
        return self.max_tokens


class ResponsesBody(RequestBody, frozen=True):
    """What the body of a call to /responses may have besides."""

    max_output_tokens: PositiveInt | None = None

    @property
    def output_token_limit(self) -> int | None:
        return self.max_output_tokens


BodyT = TypeVar("BodyT", bound=RequestBody)


def parse_body(body: Mapping[str, Any], kind: type[BodyT]) -> BodyT:
    """The members of a parsed body. Raises InvalidRequestError for the first of a wrong type."""
    try:
        return convert(body, kind)
    except ValidationError as error:
        raise _invalid_request(str(error)) from None


_MSGSPEC_ERROR = re.compile(
    r"(?:Expected `(?P<expected>\w+)(?: \| null)?`(?:, got `(?P<got>\w+)`)?.*|.*missing required field `(?P<field>\w+)`)"
    r" - at `\$\.?(?P<path>.*)`"
)
"""msgspec's words."""

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
