"""Chat completions in OpenAI's format, complete or as a stream of chunks, shared by all OpenAI-like simulations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, event_reply, json_reply
from proxy.sandbox.model import ANY_JSON, ModelOutput, Prompt, ToolCall, generate
from proxy.sandbox.openai_chat_tools import call_deltas, call_members, callable_tools, finish_reason

DONE = sse.encode(b"[DONE]")


def complete_chat(call: Call, body: Mapping[str, Any], envelope: Mapping[str, Any]) -> Reply:
    """Answer a validated request. `envelope` has the members next to id, object and created, such as the model."""
    completion = _Completion(call, body, generate(parse_prompt(call.provider, body)), envelope)
    reply = event_reply(completion.events()) if body.get("stream") else json_reply(200, {}, completion.complete())
    return replace(reply, tokens=completion.usage()["total_tokens"])


def parse_prompt(provider: str, body: Mapping[str, Any]) -> Prompt:
    """Extract the parts of an OpenAI-format request that determine the answer."""
    messages = body["messages"]
    tools, required = callable_tools(body)
    return Prompt(
        provider=provider,
        model=body["model"],
        user=next((content_text(one.get("content")) for one in reversed(messages) if one["role"] == "user"), ""),
        conversation="\n".join(content_text(one.get("content")) for one in messages),
        tool_result=content_text(messages[-1].get("content")) if messages[-1]["role"] in ("tool", "function") else None,
        tools=tools,
        tool_required=required,
        schema=_schema(body.get("response_format")),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        prefill=content_text(messages[-1].get("content")) if messages[-1].get("prefix") else "",
    )


def _schema(response_format: Any) -> Mapping[str, Any] | None:
    """Return the schema of the answer, None for text."""
    kind = (response_format or {}).get("type", "text")
    return None if kind == "text" else (response_format.get("json_schema") or {}).get("schema") or ANY_JSON


def content_text(content: Any) -> str:
    """Return the text of a content, which is a string or a list of parts."""
    content = content or ""
    parts = [content] if isinstance(content, str) else content
    return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """Return OpenAI's `usage` object."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


@dataclass(frozen=True, slots=True)
class _Completion:
    """One answer in OpenAI's format."""

    call: Call
    body: Mapping[str, Any]
    output: ModelOutput
    envelope: Mapping[str, Any]

    def complete(self) -> dict[str, Any]:
        calls = call_members(self.body, self._calls())
        message = {
            "role": "assistant",
            "content": self.output.text if not calls else None,
            "refusal": None,
            "annotations": [],
            **calls,
        }
        choice = {"message": message, "logprobs": None, "finish_reason": self._finish()}
        choices = [{"index": index, **choice} for index in range(self._n())]
        return {**self._envelope("chat.completion"), "choices": choices, "usage": self.usage()}

    def events(self) -> Iterator[bytes]:
        wants_usage = bool((self.body.get("stream_options") or {}).get("include_usage"))
        absent = {"usage": None} if wants_usage else {}
        for delta, finish in [*((delta, None) for delta in self._deltas()), ({}, self._finish())]:
            for index in range(self._n()):
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
                yield self._event({"choices": [choice], **absent})
        if wants_usage:
            yield self._event({"choices": [], "usage": self.usage()})
        yield DONE

    def usage(self) -> dict[str, Any]:
        return usage(self.output.prompt_tokens, self.output.tokens * self._n())

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": None if self.output.tool_calls else "", "refusal": None}
        for piece in self.output.pieces:
            yield {"content": piece}
        yield from call_deltas(self.body, self._calls())

    def _calls(self) -> dict[str, ToolCall]:
        return {f"call_{self.call.id(20)}{number:02}": call for number, call in enumerate(self.output.tool_calls)}

    def _finish(self) -> str:
        if self.output.tool_calls:
            return finish_reason(self.body)
        return "length" if self.output.truncated else "stop"

    def _n(self) -> int:
        return self.body.get("n") or 1

    def _event(self, members: Mapping[str, Any]) -> bytes:
        return sse.encode(orjson.dumps({**self._envelope("chat.completion.chunk"), **members}))

    def _envelope(self, kind: str) -> dict[str, Any]:
        id = f"chatcmpl-{self.call.id()}"
        return {"id": id, "object": kind, "created": int(self.call.now), **self.envelope}
