"""What tests.clients sends, in the words of each client API and with its own SDK."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import openai
from google import genai
from google.genai import errors, types

MARK = "marked_4242"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPQ6w4HAAH7ARF0JhTpAAAAAElFTkSuQmCC"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {MARK: {"type": "string"}},
    "required": [MARK],
    "additionalProperties": False,
}

Send = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Api:
    """How the same things are said in one API."""

    name: str
    open: Callable[[str, str], Any]
    """Opens the SDK's client with the URL of a sidecar and the provider that serves its requests."""
    send: Callable[[Any, list[Any]], Send]
    """Returns the SDK's function for a request with these messages, which takes further members and `stream`."""
    user: Callable[[str], Any]
    """The message of a user."""
    image: Any
    """The message of a user with an image."""
    text: Callable[[Any], str]
    streamed_text: Callable[[Any], str]
    """The text of one event of a stream."""
    tools: Mapping[str, Any]
    call: Callable[[Any], Any]
    """The tool call in an answer."""
    result: Callable[[Any, Any], list[Any]]
    """What follows the question: the answer with the call, and the result."""
    schema: Mapping[str, Any]
    reasoning: Mapping[str, Any]


def status_of(error: Exception) -> int | None:
    """Return the status that an SDK's own error has, None for any other error."""
    if isinstance(error, openai.APIStatusError | anthropic.APIStatusError):
        return error.status_code
    return error.code if isinstance(error, errors.APIError) else None


def _options(provider: str) -> dict[str, Any]:
    return {"api_key": "any", "max_retries": 0, "default_headers": {"X-Provider": provider}}


def _open_openai(url: str, provider: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", **_options(provider))


def _open_anthropic(url: str, provider: str) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=url, **_options(provider))


@asynccontextmanager
async def _open_google(url: str, provider: str) -> AsyncIterator[Any]:
    async with httpx.AsyncClient() as http:  # with aiohttp the SDK raises a DeprecationWarning
        options = types.HttpOptions(base_url=url, headers={"X-Provider": provider}, httpx_async_client=http)
        yield genai.Client(api_key="any", http_options=options).aio


def _with(function: Any, **members: Any) -> Send:
    return lambda **more: function(model="m", **members, **more)


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


_WHAT = "What is it?"
_FUNCTION = {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}


def _chat_result(answer: Any, call: Any) -> list[Any]:
    message = answer.choices[0].message.model_dump(exclude_none=True)
    return [message, {"role": "tool", "tool_call_id": call.id, "content": MARK}]


def _delta(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


CHAT = Api(
    name="OpenAI Chat",
    open=_open_openai,
    send=lambda sdk, messages: _with(sdk.chat.completions.create, messages=messages),
    user=_user,
    image=_user(
        [
            {"type": "text", "text": _WHAT},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ]
    ),
    text=lambda answer: answer.choices[0].message.content,
    streamed_text=_delta,
    tools={"tools": [{"type": "function", "function": _FUNCTION}]},
    call=lambda answer: answer.choices[0].message.tool_calls[0],
    result=_chat_result,
    schema={
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    },
    reasoning={"reasoning_effort": "high"},
)

RESPONSES = Api(
    name="OpenAI Responses",
    open=_open_openai,
    send=lambda sdk, messages: _with(sdk.responses.create, input=messages),
    user=_user,
    image=_user(
        [
            {"type": "input_text", "text": _WHAT},
            {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"},
        ]
    ),
    text=lambda answer: answer.output_text,
    streamed_text=lambda event: event.delta if event.type == "response.output_text.delta" else "",
    tools={"tools": [{"type": "function", "strict": False, **_FUNCTION}]},
    call=lambda answer: next(item for item in answer.output if item.type == "function_call"),
    result=lambda answer, call: [
        *(item.to_dict() for item in answer.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": MARK},
    ],
    schema={"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}},
    reasoning={"reasoning": {"effort": "high", "summary": "auto"}},
)

MESSAGES = Api(
    name="Anthropic Messages",
    open=_open_anthropic,
    send=lambda sdk, messages: _with(sdk.messages.create, messages=messages, max_tokens=4096),
    user=_user,
    image=_user(
        [
            {"type": "text", "text": _WHAT},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        ]
    ),
    text=lambda answer: "".join(block.text for block in answer.content if block.type == "text"),
    streamed_text=lambda event: getattr(getattr(event, "delta", None), "text", None) or "",
    tools={"tools": [{"name": "get_weather", "description": "Weather", "input_schema": SCHEMA}]},
    call=lambda answer: next(block for block in answer.content if block.type == "tool_use"),
    result=lambda answer, call: [
        {"role": "assistant", "content": [block.to_dict() for block in answer.content]},
        _user([{"type": "tool_result", "tool_use_id": call.id, "content": MARK}]),
    ],
    schema={"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    reasoning={"thinking": {"type": "enabled", "budget_tokens": 2048}},
)


def _generate_content(sdk: Any, contents: list[Any]) -> Send:
    async def send(*, stream: bool = False, **config: Any) -> Any:
        function = sdk.models.generate_content_stream if stream else sdk.models.generate_content
        return await function(model="m", contents=contents, config=types.GenerateContentConfig(**config))

    return send


def _gemini_result(answer: Any, call: Any) -> list[Any]:
    result = types.FunctionResponse(id=call.id, name=call.name, response={"result": MARK})
    return [answer.candidates[0].content, types.UserContent(types.Part(function_response=result))]


_DECLARATION = types.FunctionDeclaration(name="get_weather", description="Weather", parameters_json_schema=SCHEMA)

GEMINI = Api(
    name="Gemini",
    open=_open_google,
    send=_generate_content,
    user=types.UserContent,
    image=types.UserContent([_WHAT, types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")]),
    text=lambda answer: answer.text,
    streamed_text=lambda response: response.text or "",
    tools={"tools": [types.Tool(function_declarations=[_DECLARATION])]},
    call=lambda answer: answer.function_calls[0],
    result=_gemini_result,
    schema={"response_mime_type": "application/json", "response_json_schema": SCHEMA},
    reasoning={"thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)},
)

APIS = (CHAT, RESPONSES, MESSAGES, GEMINI)
