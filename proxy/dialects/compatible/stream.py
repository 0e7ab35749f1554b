"""A stream of an OpenAI-shaped host: frames that need nothing pass as they are, the others are mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.compatible.choices import StreamedChoice
from proxy.dialects.compatible.normalize import normalize_usage
from proxy.dialects.compatible.tables import FAILED_FINISH_REASONS, FINISH_REASONS
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import error_response, message_from_value
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.hub.chunk_writer import error_event
from proxy.dialects.hub.record import record_delta
from proxy.dialects.hub.splice import splice_provider
from proxy.dialects.lenient_json import parse_or_none, serialize
from proxy.errors import UpstreamErrorResponse
from proxy.sse import Event, data_of, encode

_HEAD = ("id", "object", "created", "model")
_OWN = frozenset({"x_groq", "provider"})
_PLAIN = frozenset({"role", "content", "refusal", "reasoning_content"})
_TEXT_TYPES = (str, type(None))


class RepairingStream(FrameTransform):
    """OpenAI's chunks, one finish per choice, usage once at the end, then `[DONE]` if every choice has finished."""

    def __init__(self, reading: ResponseContext) -> None:
        super().__init__(reading)
        self._choices = {0: StreamedChoice(reading, 0)}
        self._last: dict[str, Any] = {}

    def _translate_end(self, rest: bytes) -> bytes:
        """A last event may lack its blank line, and `[DONE]` may be missing where all that was asked for has come."""
        data = data_of(rest)
        last = self._data(data) if data is not None and (data == DONE or parse_or_none(data) is not None) else b""
        return last + self._close()

    def _translate_frame(self, frame: bytes) -> bytes:
        """Comments, and events without data, stop here: OpenAI's SDK fails on the latter."""
        data = data_of(frame)
        return b"" if data is None else self._data(data)

    def _data(self, data: bytes) -> bytes:
        if data == DONE:
            return self._close()
        try:
            chunk, mends = orjson.loads(data), self._choices[0].holds_surrogate
        except orjson.JSONDecodeError:
            chunk, mends = parse_or_none(data), True
        if not isinstance(chunk, dict):
            self._context.answer.dropped_events += 1
            return b""
        if not mends and _plain(chunk):
            self._last, seen = chunk, self._context.answer
            seen.id, seen.model = chunk["id"], chunk["model"]
            record_delta(chunk["choices"][0]["delta"], seen)
            return self._passed(data)
        return self._mended(chunk, data)

    def _passed(self, data: bytes) -> bytes:
        return encode(splice_provider(data.replace(b"\n", b" "), self._context.provider))

    def _mended(self, chunk: dict[str, Any], data: bytes) -> bytes:
        wrong = _wrong(chunk)
        if wrong is not None:
            return error_event(wrong, self._context)
        choices = objects_of(chunk.get("choices"))
        self._note(chunk)
        if not choices:
            return self._without_choices(chunk, data)
        self._last = self._head(chunk)
        rest = {key: value for key, value in chunk.items() if key not in ("choices", "usage", "x_groq")}
        saying, ending = self._split(choices)
        return self._chunk(rest, saying) + self._chunk(rest, ending)

    def _without_choices(self, chunk: Mapping[str, Any], data: bytes) -> bytes:
        """Azure's first chunk has only the verdict on the prompt; a chunk with only usage waits for the end."""
        if chunk.get("choices") == [] and not chunk.get("usage"):
            return self._passed(data)
        self._context.answer.dropped_events += "choices" not in chunk and not chunk.get("usage")
        return b""

    def _note(self, chunk: Mapping[str, Any]) -> None:
        """Usage may stand in any chunk, or under Groq's `x_groq`; the last counts."""
        seen = self._context.answer
        seen.id = text_of(chunk.get("id")) or seen.id
        seen.model = text_of(chunk.get("model")) or seen.model or self._context.model
        seen.usage = (
            normalize_usage(chunk.get("usage"))
            or normalize_usage(object_of(chunk.get("x_groq")).get("usage"))
            or seen.usage
        )

    def _head(self, chunk: Mapping[str, Any]) -> dict[str, Any]:
        """What all chunks have in common; where one lacks it, it is as in the last one."""
        last, reading = self._last, self._context
        return {
            "id": text_of(chunk.get("id")) or last.get("id") or reading.id,
            "object": "chat.completion.chunk",
            "created": count_of(chunk.get("created")) or last.get("created") or reading.created,
            "model": text_of(chunk.get("model")) or last.get("model") or reading.model,
        }

    def _split(self, choices: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What is said, and what ends: an end has a chunk of its own, and comes once per choice."""
        seen, saying, ending = self._context.answer, [], []
        for position, choice in enumerate(choices):
            index = choice.get("index")
            index = index if isinstance(index, int) else position
            known = self._choices.get(index) or self._choices.setdefault(index, StreamedChoice(self._context, index))
            reason = text_of(choice.get("finish_reason"))
            delta = known.translate_delta(choice, ends=bool(reason) and known.finish is None)
            record_delta(delta, seen)
            if delta and (not reason or _speaks(delta)):
                saying.append({**choice, "index": index, "delta": delta, "finish_reason": None})
            if reason and known.finish is None:
                known.finish = _finish(reason, known)
                ending.append({**choice, "index": index, "delta": {}, "logprobs": None, **_named(reason, known.finish)})
            seen.choice_finished[index] = known.finish is not None
        if ending and all(choice.finish for choice in self._choices.values()):
            seen.finish_reason = ending[-1]["finish_reason"]
        return saying, ending

    def _chunk(self, rest: Mapping[str, Any], choices: list[dict[str, Any]]) -> bytes:
        if not choices:
            return b""
        tail: dict[str, Any] = {"usage": None} if self._context.show_usage else {}
        tail["provider"] = self._context.provider
        return encode(serialize({**rest, **self._last, "choices": choices, **tail}))

    def _close(self) -> bytes:
        """Nothing without a finish: a host's `[DONE]` alone does not make a cut answer whole."""
        seen = self._context.answer
        if seen.done or not seen.complete:
            return b""
        seen.done = True
        return self._usage() + encode(DONE)

    def _usage(self) -> bytes:
        counts = self._context.answer.usage
        if counts is None or not self._context.show_usage:
            return b""
        head = self._head({})
        return encode(serialize({**head, "choices": [], "usage": counts, "provider": self._context.provider}))


def _plain(chunk: dict[str, Any]) -> bool:
    """Whether nothing in a chunk could need mending: one choice that says text and goes on, as most events are."""
    choices = chunk.get("choices")
    if type(choices) is not list or len(choices) != 1:
        return False
    choice = choices[0]
    delta = choice.get("delta") if type(choice) is dict else None
    return (
        type(delta) is dict
        and (_PLAIN.issuperset(delta) or not any(map(delta.get, delta.keys() - _PLAIN)))
        and type(delta.get("content")) in _TEXT_TYPES
        and choice.get("index") == 0
        and choice.get("finish_reason", "") is None
        and "error" not in choice
        and all(map(chunk.get, _HEAD))
        and type(chunk["id"]) is type(chunk["model"]) is str
        and not chunk.get("usage")
        and not chunk.get("error")
        and not _OWN & chunk.keys()
    )


def has_content(event: Event) -> bool:
    """A delta with anything in it but a role, a finish, `[DONE]`, or an error in any of its places."""
    chunk = object_of(parse_or_none(event.data)) if event.data is not None else {}
    choices = objects_of(chunk.get("choices"))
    says = any(choice.get("finish_reason") or _speaks(object_of(choice.get("delta"))) for choice in choices)
    return says or event.data == DONE or _wrong(chunk) is not None


def _speaks(delta: Mapping[str, Any]) -> bool:
    return any(value for key, value in delta.items() if key != "role")


def _finish(reason: str, choice: StreamedChoice) -> str:
    word = FINISH_REASONS.get(reason, "stop")
    return "tool_calls" if choice.calls and word == "stop" else word


def _named(reason: str, word: str) -> dict[str, str]:
    """The reason in OpenAI's words; one that nobody knows goes along as it came."""
    return {"finish_reason": word} | ({} if reason in FINISH_REASONS else {"provider_finish_reason": reason})


def _wrong(chunk: Mapping[str, Any]) -> UpstreamErrorResponse | None:
    """The error a chunk is or holds: in itself, in a choice, in `x_groq`, or as a finish reason."""
    if chunk.get("object") == "error":
        return _refused(chunk)
    choices = objects_of(chunk.get("choices"))
    for holder in (chunk, object_of(chunk.get("x_groq")), *choices):
        if holder.get("error"):
            return _refused(holder["error"])
    broken = [
        choice["finish_reason"] for choice in choices if text_of(choice.get("finish_reason")) in FAILED_FINISH_REASONS
    ]
    return _refused(f"the provider ended the answer with {broken[0]!r}") if broken else None


def _refused(said: Any) -> UpstreamErrorResponse:
    members = object_of(said)
    code = members.get("code") or members.get("type")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    message = message_from_value(said) or "the provider broke off with an error"
    return error_response(status, {}, message, code=code if isinstance(code, str) else None)
