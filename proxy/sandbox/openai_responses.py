"""OpenAI's responses, simulated: items in and out, and the events that tell of them as they grow."""

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
Told = tuple[str, dict[str, Any]]
"""An event's name, and its members but for `type` and `sequence_number`."""

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
"""What of the request the answer repeats, and what it says where the request says nothing."""


def responses(call: Call, body: Mapping[str, Any]) -> Reply:
    """The answer to a request that was checked; nothing is stored, so no earlier response is ever found."""
    if earlier := body.get("previous_response_id"):
        message = f"Previous response with id '{earlier}' not found."
        raise SimulatedError(400, message, param="previous_response_id", code="previous_response_not_found")
    made = _Response(call, body, generate(_prompt(call.provider, body)))
    reply = event_reply(made.events()) if body.get("stream") else json_reply(200, {}, made.whole())
    return replace(reply, tokens=made.speech.prompt_tokens + made.speech.tokens)


def _prompt(provider: str, body: Mapping[str, Any]) -> Prompt:
    items = [{"role": "user", "content": body["input"]}] if isinstance(body["input"], str) else body["input"]
    tools, forced = _tools(body)
    said = [content_text(item.get("content") or item.get("output")) for item in items]
    return Prompt(
        provider=provider,
        model=body["model"],
        user=next((words for item, words in _backwards(items, said) if item.get("role") == "user"), ""),
        conversation="\n".join([body.get("instructions") or "", *said]),
        tool_result=said[-1] if items[-1].get("type") == "function_call_output" else None,
        tools=tools,
        tool_required=forced,
        max_tokens=body.get("max_output_tokens"),
    )


def _backwards(items: list[Item], said: list[str]) -> Iterator[tuple[Item, str]]:
    return zip(reversed(items), reversed(said), strict=True)


def _tools(body: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """The tools that may be called, and whether one must be."""
    tools = {tool["name"]: tool.get("parameters") or {} for tool in _functions(body)}
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        return {name: schema for name, schema in tools.items() if name == choice.get("name")}, True
    return ({} if choice == "none" else tools), choice == "required"


def _functions(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [tool for tool in body.get("tools") or () if tool["type"] == "function"]


@dataclass(frozen=True, slots=True)
class _Response:
    """One answer, whole or as events."""

    call: Call
    body: Mapping[str, Any]
    speech: ModelOutput

    def whole(self) -> dict[str, Any]:
        ended = "incomplete" if self.speech.truncated else "completed"
        return {**self._envelope(ended), "output": self._items(), "usage": self._usage()}

    def events(self) -> Iterator[bytes]:
        for number, (kind, members) in enumerate(self._told()):
            event = {"type": kind, "sequence_number": number, **members}
            yield sse.encode(orjson.dumps(event), kind)

    def _told(self) -> Iterator[Told]:
        begun = {**self._envelope("in_progress"), "output": [], "usage": None}
        yield "response.created", {"response": begun}
        yield "response.in_progress", {"response": begun}
        for index, item in enumerate(self._items()):
            place = {"item_id": item["id"], "output_index": index}
            speaks = item["type"] == "message"
            empty: Item = {"content": []} if speaks else {"arguments": ""}
            opened = {**item, "status": "in_progress", **empty}
            yield "response.output_item.added", {"output_index": index, "item": opened}
            yield from self._message(item, place) if speaks else self._call(item, index, place)
            yield "response.output_item.done", {"output_index": index, "item": item}
        whole = self.whole()
        yield f"response.{whole['status']}", {"response": whole}

    def _message(self, item: Item, place: dict[str, Any]) -> Iterator[Told]:
        place = {**place, "content_index": 0}
        yield "response.content_part.added", {**place, "part": _part("")}
        for piece in self.speech.pieces:
            yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**place, "text": self.speech.text, "logprobs": []}
        yield "response.content_part.done", {**place, "part": item["content"][0]}

    def _call(self, item: Item, index: int, place: dict[str, Any]) -> Iterator[Told]:
        for fragment in self.speech.tool_calls[index].fragments():
            yield "response.function_call_arguments.delta", {**place, "delta": fragment}
        yield "response.function_call_arguments.done", {**place, "arguments": item["arguments"]}

    def _items(self) -> list[Item]:
        """The tools called, else one message."""
        calls = [
            {
                "type": "function_call",
                "id": f"fc_{self.call.id(20)}{number:02}",
                "call_id": f"call_{self.call.id(20)}{number:02}",
                "name": use.name,
                "arguments": "".join(use.fragments()),
                "status": "completed",
            }
            for number, use in enumerate(self.speech.tool_calls)
        ]
        about = {"type": "message", "id": f"msg_{self.call.id()}", "role": "assistant"}
        cut = "incomplete" if self.speech.truncated else "completed"
        return calls or [{**about, "status": cut, "content": [_part(self.speech.text)]}]

    def _usage(self) -> dict[str, Any]:
        heard, said = self.speech.prompt_tokens, self.speech.tokens
        return {
            "input_tokens": heard,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": heard + said,
        }

    def _envelope(self, status: str) -> dict[str, Any]:
        echoed = {name: self.body.get(name, absent) for name, absent in _ECHOED.items()}
        tools = [{"description": None, "strict": True, "parameters": {}, **tool} for tool in _functions(self.body)]
        cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {
            "id": f"resp_{self.call.id()}",
            "object": "response",
            "created_at": int(self.call.now),
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": cut,
            "model": self.body["model"],
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "service_tier": "default",
            "tools": tools,
            **echoed,
        }


def _part(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
