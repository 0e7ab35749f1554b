"""Repairs the event stream of an OpenAI-compatible host: chunks that need nothing pass unchanged, others are rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.compatible.choices import StreamedChoice
from proxy.dialects.compatible.tables import FAILED_FINISH_REASONS
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import error_response, message_from_value
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.hub.chunk_writer import error_event
from proxy.dialects.hub.record import record_delta
from proxy.dialects.hub.splice import append_member, provider_member
from proxy.dialects.hub.usage import merge_usage, normalize_usage
from proxy.dialects.lenient_json import parse_or_none, serialize, with_exact_integers
from proxy.errors import UpstreamErrorResponse
from proxy.sse import Event, data_of, encode

_COMMON = ("id", "object", "created", "model")
_REPLACED = frozenset({"x_groq", "provider"})
_PLAIN_DELTA = frozenset({"role", "content", "refusal", "reasoning_content"})


class RepairingStream(FrameTransform):
    """Sends OpenAI's chunks: one finish per choice, usage once at the end, `[DONE]` if every choice has finished.

    A chunk that needs no repair (`_is_plain`) is sent byte-exactly with the provider spliced in. Any other is rebuilt: its
    errors end the stream, its finish reasons and its usage are kept for the end, as more of the answer may follow them.
    """

    def __init__(self, context: ResponseContext) -> None:
        super().__init__(context)
        self._member = provider_member(context.provider)
        self._choices = {0: StreamedChoice(context, 0)}
        self._unfinished = 1
        self._last: dict[str, Any] = {}
        """The last chunk's common members, for chunks that lack them."""
        self._rest: dict[str, Any] = {}
        """The other members of the last chunk that was rebuilt, usually that with the finish reason."""

    def _translate_end(self, rest: bytes) -> bytes:
        """Translate a last event without its blank line, and add a missing `[DONE]` if the answer is complete."""
        data = data_of(rest)
        last = (
            self._translate_data(data)
            if data is not None and (data == DONE or parse_or_none(data) is not None)
            else b""
        )
        return last + self._close()

    def _translate_frame(self, frame: bytes) -> bytes:
        """Drop comments and events without data: OpenAI's SDK fails on the latter."""
        data = data_of(frame)
        return b"" if data is None else self._translate_data(data)

    def _translate_data(self, data: bytes) -> bytes:
        if data == DONE:
            return self._close()
        try:
            chunk, must_repair = orjson.loads(data), self._choices[0].holds_surrogate
        except orjson.JSONDecodeError:
            chunk, must_repair = parse_or_none(data), True
        if not isinstance(chunk, dict):
            self._context.answer.dropped_events += 1
            return b""
        if not must_repair and _is_plain(chunk):
            self._last, state = chunk, self._context.answer
            state.id, state.model = chunk["id"], chunk["model"]
            record_delta(chunk["choices"][0]["delta"], state)
            return self._pass(data)
        return self._repair(with_exact_integers(chunk, data), data)

    def _pass(self, data: bytes) -> bytes:
        return encode(append_member(data.replace(b"\n", b" "), self._member))

    def _repair(self, chunk: dict[str, Any], data: bytes) -> bytes:
        error = _error_in(chunk)
        if error is not None:
            return error_event(error, self._context)
        choices = objects_of(chunk.get("choices"))
        self._record(chunk)
        if not choices:
            return self._without_choices(chunk, data)
        self._last = self._common_members(chunk)
        rest = {key: value for key, value in chunk.items() if key not in ("choices", "usage", "x_groq")}
        self._rest = rest
        return self._chunk(rest, self._continuing(choices))

    def _without_choices(self, chunk: Mapping[str, Any], data: bytes) -> bytes:
        """Pass a chunk with an empty `choices` (Azure's first, with prompt filter results). Keep usage for the end."""
        if chunk.get("choices") == [] and not chunk.get("usage"):
            return self._pass(data)
        self._context.answer.dropped_events += "choices" not in chunk and not chunk.get("usage")
        return b""

    def _record(self, chunk: Mapping[str, Any]) -> None:
        """Record id, model and usage. Usage may come in any chunk, also in Groq's `x_groq`."""
        state = self._context.answer
        state.id = text_of(chunk.get("id")) or state.id
        state.model = text_of(chunk.get("model")) or state.model or self._context.model
        in_groq = object_of(chunk.get("x_groq")).get("usage")
        counts = normalize_usage(chunk.get("usage")) or normalize_usage(in_groq)
        if counts is not None:
            state.usage = normalize_usage(merge_usage(state.usage, counts))

    def _common_members(self, chunk: Mapping[str, Any]) -> dict[str, Any]:
        """Return id, object, created and model. What the chunk lacks is taken from the last chunk, else from the context."""
        last, context = self._last, self._context
        return {
            "id": text_of(chunk.get("id")) or last.get("id") or context.id,
            "object": "chat.completion.chunk",
            "created": count_of(chunk.get("created")) or last.get("created") or context.created,
            "model": text_of(chunk.get("model")) or last.get("model") or context.model,
        }

    def _continuing(self, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the choices with their content. Their finish reasons are kept for the end."""
        state, continuing = self._context.answer, []
        for position, choice in enumerate(choices):
            index = choice.get("index")
            index = index if isinstance(index, int) else position
            known = self._choice(index)
            delta, reason = known.translate_delta(choice), text_of(choice.get("finish_reason"))
            record_delta(delta, state)
            if delta and (not reason or _delta_has_content(delta)):
                continuing.append({**choice, "index": index, "delta": delta, "finish_reason": None})
            if reason:
                self._record_finish(known, choice)
        return continuing

    def _record_finish(self, known: StreamedChoice, choice: dict[str, Any]) -> None:
        if known.finish is None:
            self._unfinished -= 1
            self._context.answer.open_choices.discard(known.index)
        known.finish = choice
        if not self._unfinished:
            self._context.answer.finish_reason = known.finish_reason

    def _choice(self, index: int) -> StreamedChoice:
        """Return a choice that the host names. The first exists from the start, as an answer without it is not complete."""
        state = self._context.answer
        if index not in self._choices:
            self._choices[index] = StreamedChoice(self._context, index)
            self._unfinished += 1
        if index not in state.seen_choices:
            state.seen_choices.add(index)
            state.open_choices.add(index)
        return self._choices[index]

    def _chunk(self, rest: Mapping[str, Any], choices: list[dict[str, Any]]) -> bytes:
        if not choices:
            return b""
        tail: dict[str, Any] = {"usage": None} if self._context.show_usage else {}
        tail["provider"] = self._context.provider
        return encode(serialize({**rest, **self._last, "choices": choices, **tail}))

    def _close(self) -> bytes:
        """Return usage and `[DONE]`, or b"" if a finish reason is missing, as a host's `[DONE]` may follow a cut answer."""
        state = self._context.answer
        if state.done or not state.complete:
            return b""
        state.done = True
        choices = self._choices.values()
        held = [
            {"index": each.index, "delta": delta, "finish_reason": None}
            for each in choices
            if (delta := each.last_delta())
        ]
        for each in held:
            record_delta(each["delta"], state)
        last = self._chunk({}, held) + self._chunk(self._rest, [each.finished() for each in choices])
        return last + self._usage_chunk() + encode(DONE)

    def _usage_chunk(self) -> bytes:
        counts = self._context.answer.usage
        if counts is None or not self._context.show_usage:
            return b""
        tail = {"choices": [], "usage": counts, "provider": self._context.provider}
        return encode(serialize({**self._common_members({}), **tail}))


def _is_plain(chunk: dict[str, Any]) -> bool:
    """Whether a chunk needs no repair: one choice with text, not finished, and all common members. Most chunks are."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1:
        return False
    choice = choices[0]
    delta = choice.get("delta") if isinstance(choice, dict) else None
    return (
        isinstance(delta, dict)
        and (_PLAIN_DELTA.issuperset(delta) or not any(map(delta.get, delta.keys() - _PLAIN_DELTA)))
        and delta.get("tool_calls") != []
        and isinstance(delta.get("content"), str | None)
        and choice.get("index") == 0
        and choice.get("finish_reason", "") is None
        and "error" not in choice
        and all(map(chunk.get, _COMMON))
        and isinstance(chunk["id"], str)
        and isinstance(chunk["model"], str)
        and not chunk.get("usage")
        and not chunk.get("error")
        and not _REPLACED & chunk.keys()
    )


def has_content(event: Event) -> bool:
    """Whether an event contains anything but a role: content, a finish reason, `[DONE]`, or an error in any place."""
    chunk = object_of(parse_or_none(event.data)) if event.data is not None else {}
    choices = objects_of(chunk.get("choices"))
    in_choice = any(
        choice.get("finish_reason") or _delta_has_content(object_of(choice.get("delta"))) for choice in choices
    )
    return in_choice or event.data == DONE or _error_in(chunk) is not None


def _delta_has_content(delta: Mapping[str, Any]) -> bool:
    return any(value for key, value in delta.items() if key != "role")


def _error_in(chunk: Mapping[str, Any]) -> UpstreamErrorResponse | None:
    """Return the error that a chunk is or contains: at the top, in a choice, in `x_groq`, or as a finish reason."""
    if chunk.get("object") == "error":
        return _stream_error(chunk)
    choices = objects_of(chunk.get("choices"))
    for holder in (chunk, object_of(chunk.get("x_groq")), *choices):
        if holder.get("error"):
            return _stream_error(holder["error"])
    reasons = [text_of(choice.get("finish_reason")) for choice in choices]
    failed = next((reason for reason in reasons if reason in FAILED_FINISH_REASONS), None)
    return _stream_error(f"the provider ended the answer with {failed!r}") if failed else None


def _stream_error(error: Any) -> UpstreamErrorResponse:
    members = object_of(error)
    code = members.get("code") or members.get("type")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    message = message_from_value(error) or "the provider ended the stream with an error"
    return error_response(status, {}, message, code=code if isinstance(code, str) else None)
