"""Gemini's event stream as OpenAI's chunks."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.dialects.chunks import Chunks, failed
from proxy.dialects.contract import Reading
from proxy.dialects.google import response
from proxy.dialects.google.refusals import fault
from proxy.errors import BadAnswer, ParrotError
from proxy.sse import Event, Framer, data_of


class Translating:
    """Every event is a whole answer of Gemini's with what is new in it; nothing but the socket's end follows the last.

    Once a finish reason was seen, the event that has the usage is taken for the last, so that no caller waits for a
    socket that lingers. With a reason alone the finish waits for the end; without any nothing is added, for the stream
    was cut."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._framer = Framer()
        self._chunks = Chunks(reading)
        self._calls = 0
        self._finish: tuple[str, str | None] | None = None

    def feed(self, data: bytes) -> bytes:
        return b"".join([self._frame(frame) for frame in self._framer.feed(data)])

    def end(self) -> bytes:
        """The last event may lack its blank line."""
        return self._frame(self._framer.rest()) + self._close()

    def _frame(self, frame: bytes) -> bytes:
        seen = self._reading.answer
        said = _json(frame)
        if said is None:
            return b""
        if not isinstance(said, dict) or seen.done or seen.error:
            seen.dropped += 1
            return b""
        if members := said.get("error"):
            return self._fail(fault(members if isinstance(members, dict) else {"message": members}))
        try:
            return self._answer(said)
        except BadAnswer as error:
            return self._fail(error)
        except response.SHAPE:
            return self._fail(BadAnswer("the provider sent an event that is no answer of Gemini's"))

    def _answer(self, said: dict[str, Any]) -> bytes:
        counts = said.get("usageMetadata")
        if counts:
            self._reading.answer.usage = response.usage(counts)
        candidates = said.get("candidates")
        if candidates:
            written = self._begin(said) + self._candidate(candidates[0])
        elif why := response.blocked(said):
            self._finish = ("content_filter", None)
            written = self._begin(said) + self._chunks.refusal(why)
        else:
            written = b""
        return written + self._close() if counts and self._finish else written

    def _begin(self, said: dict[str, Any]) -> bytes:
        if self._chunks.begun:
            return b""
        return self._chunks.begin(response.identity(said), said.get("modelVersion"))

    def _candidate(self, candidate: dict[str, Any]) -> bytes:
        written = b"".join([self._part(part) for part in response.parts(candidate)])
        if reason := candidate.get("finishReason"):
            self._finish = (response.finish(candidate), response.own_word(reason))
            if why := response.refusal(candidate):
                written += self._chunks.refusal(why)
        return written

    def _part(self, part: dict[str, Any]) -> bytes:
        if text := part.get("text"):
            return self._chunks.reasoning(text) if part.get("thought") else self._chunks.text(text)
        if "functionCall" in part:
            call = response.call(part, self._reading, self._calls)
            self._calls += 1
            return self._chunks.call(self._calls - 1, call)
        if "inlineData" in part:
            return self._chunks.piece("images", [response.image(part)])
        return b""

    def _fail(self, error: ParrotError) -> bytes:
        return failed(error, self._reading)

    def _close(self) -> bytes:
        seen = self._reading.answer
        if self._finish is None or seen.done or seen.error:
            return b""
        last = self._chunks.finish(*self._finish)
        return last + (self._chunks.usage(seen.usage) if seen.usage else b"") + self._chunks.done()


def _json(frame: bytes) -> Any:
    """What an event says; an error may come as bare JSON. None where it says nothing, False where it cannot be read."""
    if frame.startswith(b"data: "):
        try:
            return response.first(orjson.loads(frame[6:]))  # the line ending that follows is white space to JSON
        except orjson.JSONDecodeError:
            pass
    data = data_of(frame)
    if data is None and frame.lstrip()[:1] in (b"{", b"["):
        data = frame
    return None if data is None else response.first(_parsed(data))


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return False


def begins(event: Event) -> bool:
    """An event with a word, a call, a picture, a finish, a block or an error; what cannot be read counts too."""
    if event.data is None:
        return False
    said = response.first(_parsed(event.data))
    try:
        return bool(said.get("error") or response.blocked(said) or any(map(_says, said.get("candidates") or ())))
    except response.SHAPE:
        return True


def _says(candidate: dict[str, Any]) -> bool:
    if candidate.get("finishReason"):
        return True
    return any(part.get("text") or "functionCall" in part or "inlineData" in part for part in response.parts(candidate))
