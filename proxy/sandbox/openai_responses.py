"""Simulation of OpenAI's Responses API: output items, and the typed events that build them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, event_reply, json_reply
from proxy.sandbox.model import ModelOutput, Prompt, generate
from proxy.sandbox.openai_chat import content_text
from proxy.sandbox.openai_response_tools import call_item, callable_tools, is_tool_result, mentions_tool
from proxy.sandbox.openai_stored import conversation_items, response_id, store_response

Item = dict[str, Any]
TypedEvent = tuple[str, dict[str, Any]]
"""An event's type, and its members except `type` and `sequence_number`."""

_ECHOED: Mapping[str, Any] = {
    "frequency_penalty": 0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}
"""Members of the request that the response repeats, with their defaults."""
_REASONING = "The simulated model thinks about it."


def responses(call: Call, body: Mapping[str, Any]) -> Reply:
    """Answer a validated request, and store the response unless that is not wanted."""
    items = conversation_items(call, body)
    response = _Response(call, body, generate(_prompt(call.provider, body, items)))
    complete = response.complete()
    store_response(call, body, items, complete)
    reply = event_reply(response.events()) if body.get("stream") else json_reply(200, {}, complete)
    return replace(reply, tokens=response.output.prompt_tokens + response.output.tokens)


def _prompt(provider: str, body: Mapping[str, Any], items: list[Item]) -> Prompt:
    tools, required = callable_tools(body)
    texts = [content_text(item.get("content") or item.get("output")) for item in items]
    user = next((text for item, text in _reversed(items, texts) if item.get("role") == "user"), "")
    return Prompt(
        provider=provider,
        model=body["model"],
        user=user,
        conversation="\n".join([body.get("instructions") or "", *texts]),
        tool_result=texts[-1] if is_tool_result(items[-1]) else None,
        tools=tools,
        tool_required=required or mentions_tool(tools, user),
        max_tokens=body.get("max_output_tokens"),
    )


def _reversed(items: list[Item], texts: list[str]) -> Iterator[tuple[Item, str]]:
    return zip(reversed(items), reversed(texts), strict=True)


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
            empty, events = _ITEM_EVENTS[item["type"]]
            status = {"status": "in_progress"} if "status" in item else {}
            yield "response.output_item.added", {"output_index": index, "item": {**item, **empty, **status}}
            yield from events(self, item, location)
            yield "response.output_item.done", {"output_index": index, "item": item}
        response = self.complete()
        yield f"response.{response['status']}", {"response": response}

    def _message_events(self, item: Item, location: dict[str, Any]) -> Iterator[TypedEvent]:
        location = {**location, "content_index": 0}
        yield "response.content_part.added", {**location, "part": _part("")}
        for piece in self.output.pieces:
            yield "response.output_text.delta", {**location, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**location, "text": self.output.text, "logprobs": []}
        yield "response.content_part.done", {**location, "part": item["content"][0]}

    def _call_events(self, item: Item, location: dict[str, Any]) -> Iterator[TypedEvent]:
        number = int(item["call_id"][-2:])
        for fragment in self.output.tool_calls[number].fragments():
            yield "response.function_call_arguments.delta", {**location, "delta": fragment}
        yield "response.function_call_arguments.done", {**location, "arguments": item["arguments"]}

    def _custom_call_events(self, item: Item, location: dict[str, Any]) -> Iterator[TypedEvent]:
        yield "response.custom_tool_call_input.delta", {**location, "delta": item["input"]}
        yield "response.custom_tool_call_input.done", {**location, "input": item["input"]}

    def _reasoning_events(self, item: Item, location: dict[str, Any]) -> Iterator[TypedEvent]:
        location = {**location, "summary_index": 0}
        (part,) = item["summary"]
        yield "response.reasoning_summary_part.added", {**location, "part": {**part, "text": ""}}
        yield "response.reasoning_summary_text.delta", {**location, "delta": part["text"]}
        yield "response.reasoning_summary_text.done", {**location, "text": part["text"]}
        yield "response.reasoning_summary_part.done", {**location, "part": part}

    def _items(self) -> list[Item]:
        """Return the reasoning, if its summary is requested, and the tool calls, or one message if there are none."""
        calls = [call_item(self.call, self.body, one, number) for number, one in enumerate(self.output.tool_calls)]
        return [*self._reasoning(), *(calls or [self._message()])]

    def _message(self) -> Item:
        status = "incomplete" if self.output.truncated else "completed"
        message = {"type": "message", "id": f"msg_{self.call.id()}", "role": "assistant", "status": status}
        return {**message, "content": [_part(self.output.text)]}

    def _reasoning(self) -> list[Item]:
        if not (self.body.get("reasoning") or {}).get("summary"):
            return []
        wanted = "reasoning.encrypted_content" in (self.body.get("include") or ())
        sealed = {"encrypted_content": f"gAAAAA{self.call.id()}"} if wanted else {}
        summary = [{"type": "summary_text", "text": _REASONING}]
        return [{"type": "reasoning", "id": f"rs_{self.call.id()}", "summary": summary, **sealed}]

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
        given = ((name, self.body.get(name), absent) for name, absent in _ECHOED.items())
        tools = [{**_defaults(tool), **tool} for tool in self.body.get("tools") or ()]
        return {
            "id": response_id(self.call),
            "object": "response",
            "created_at": int(self.call.now),
            "completed_at": int(self.call.now) if status == "completed" else None,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "model": self.body["model"],
            "service_tier": "default",
            "tools": tools,
            **{name: absent if value is None else value for name, value, absent in given},
        }


_ITEM_EVENTS: Mapping[str, tuple[Item, Callable[[_Response, Item, dict[str, Any]], Iterator[TypedEvent]]]] = {
    "message": ({"content": []}, _Response._message_events),
    "function_call": ({"arguments": ""}, _Response._call_events),
    "custom_tool_call": ({"input": ""}, _Response._custom_call_events),
    "reasoning": ({"summary": []}, _Response._reasoning_events),
}
"""Type of an item -> its members that are empty at first, and its events."""


def _defaults(tool: Item) -> Item:
    return {"description": None, "strict": True, "parameters": {}} if tool["type"] == "function" else {}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
