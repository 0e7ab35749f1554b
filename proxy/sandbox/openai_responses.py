"""Simulation of OpenAI's Responses API: output items, and the typed events that build them up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, SimulatedError, event_reply, json_reply
from proxy.sandbox.model import ModelOutput, Prompt, generate
from proxy.sandbox.openai_chat import content_text

Item = dict[str, Any]
TypedEvent = tuple[str, dict[str, Any]]
"""An event's type, and its members except `type` and `sequence_number`."""

_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "top_p": 1.0,
    "truncation": "disabled",
}
"""Members of the request that the response repeats, with their defaults."""


def responses(call: Call, body: Mapping[str, Any]) -> Reply:
    """Answer a validated request. Nothing is stored, so a `previous_response_id` is never found."""
    if previous := body.get("previous_response_id"):
        message = f"Previous response with id '{previous}' not found."
        raise SimulatedError(400, message, param="previous_response_id", code="previous_response_not_found")
    response = _Response(call, body, generate(_prompt(call.provider, body)))
    reply = event_reply(response.events()) if body.get("stream") else json_reply(200, {}, response.complete())
    return replace(reply, tokens=response.output.prompt_tokens + response.output.tokens)


def _prompt(provider: str, body: Mapping[str, Any]) -> Prompt:
    items = [{"role": "user", "content": body["input"]}] if isinstance(body["input"], str) else body["input"]
    tools, required = _tools(body)
    texts = [content_text(item.get("content") or item.get("output")) for item in items]
    return Prompt(
        provider=provider,
        model=body["model"],
        user=next((text for item, text in _reversed(items, texts) if item.get("role") == "user"), ""),
        conversation="\n".join([body.get("instructions") or "", *texts]),
        tool_result=texts[-1] if items[-1].get("type") == "function_call_output" else None,
        tools=tools,
        tool_required=required,
        max_tokens=body.get("max_output_tokens"),
    )


def _reversed(items: list[Item], texts: list[str]) -> Iterator[tuple[Item, str]]:
    return zip(reversed(items), reversed(texts), strict=True)


def _tools(body: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """Return the tools that may be called, and whether one must be."""
    tools = {tool["name"]: tool.get("parameters") or {} for tool in _functions(body)}
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        return {name: schema for name, schema in tools.items() if name == choice.get("name")}, True
    return ({} if choice == "none" else tools), choice == "required"


def _functions(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [tool for tool in body.get("tools") or () if tool["type"] == "function"]


@dataclass(frozen=True, slots=True)
class _Response:
    """One answer in the format of the Responses API."""

    call: Call
    body: Mapping[str, Any]
    output: ModelOutput

    def complete(self) -> dict[str, Any]:
        status = "incomplete" if self.output.truncated else "completed"
        return {**self._envelope(status), "output": self._items(), "usage": self._usage()}

    def events(self) -> Iterator[bytes]:
        for number, (kind, members) in enumerate(self._typed_events()):
            event = {"type": kind, "sequence_number": number, **members}
            yield sse.encode(orjson.dumps(event), kind)

    def _typed_events(self) -> Iterator[TypedEvent]:
        initial = {**self._envelope("in_progress"), "output": [], "usage": None}
        yield "response.created", {"response": initial}
        yield "response.in_progress", {"response": initial}
        for index, item in enumerate(self._items()):
            location = {"item_id": item["id"], "output_index": index}
            is_message = item["type"] == "message"
            empty: Item = {"content": []} if is_message else {"arguments": ""}
            added = {**item, "status": "in_progress", **empty}
            yield "response.output_item.added", {"output_index": index, "item": added}
            yield from self._text_events(item, location) if is_message else self._call_events(item, index, location)
            yield "response.output_item.done", {"output_index": index, "item": item}
        response = self.complete()
        yield f"response.{response['status']}", {"response": response}

    def _text_events(self, item: Item, location: dict[str, Any]) -> Iterator[TypedEvent]:
        location = {**location, "content_index": 0}
        yield "response.content_part.added", {**location, "part": _part("")}
        for piece in self.output.pieces:
            yield "response.output_text.delta", {**location, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**location, "text": self.output.text, "logprobs": []}
        yield "response.content_part.done", {**location, "part": item["content"][0]}

    def _call_events(self, item: Item, index: int, location: dict[str, Any]) -> Iterator[TypedEvent]:
        for fragment in self.output.tool_calls[index].fragments():
            yield "response.function_call_arguments.delta", {**location, "delta": fragment}
        yield "response.function_call_arguments.done", {**location, "arguments": item["arguments"]}

    def _items(self) -> list[Item]:
        """Return the tool calls, or one message if there are none."""
        calls = [
            {
                "type": "function_call",
                "id": f"fc_{self.call.id(20)}{number:02}",
                "call_id": f"call_{self.call.id(20)}{number:02}",
                "name": tool_call.name,
                "arguments": "".join(tool_call.fragments()),
                "status": "completed",
            }
            for number, tool_call in enumerate(self.output.tool_calls)
        ]
        message = {"type": "message", "id": f"msg_{self.call.id()}", "role": "assistant"}
        status = "incomplete" if self.output.truncated else "completed"
        return calls or [{**message, "status": status, "content": [_part(self.output.text)]}]

    def _usage(self) -> dict[str, Any]:
        prompt_tokens, completion_tokens = self.output.prompt_tokens, self.output.tokens
        return {
            "input_tokens": prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt_tokens + completion_tokens,
        }

    def _envelope(self, status: str) -> dict[str, Any]:
        echoed = {name: self.body.get(name, absent) for name, absent in _ECHOED.items()}
        tools = [{"description": None, "strict": True, "parameters": {}, **tool} for tool in _functions(self.body)]
        incomplete_details = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {
            "id": f"resp_{self.call.id()}",
            "object": "response",
            "created_at": int(self.call.now),
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": incomplete_details,
            "model": self.body["model"],
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "service_tier": "default",
            "tools": tools,
            **echoed,
        }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
