"""Runs the golden files of the Messages API; `python -m tests.ingress.anthropic_messages.golden` regenerates the expectations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent

from proxy.ingress.anthropic_messages import ANTHROPIC_MESSAGES
from proxy.ingress.anthropic_messages.stream import MessageStream
from proxy.ingress.client_format import AnswerContext
from proxy.sse import decode, split_frames
from tests.dialects.oracles import strict

HERE = Path(__file__).parent


def context(display: str | None = "summarized") -> AnswerContext:
    """Return a context with the fixed values that golden files contain."""
    return AnswerContext("r1", 1700000000, "claude-asked", prompt_tokens=7, echo={"thinking": display})


def load(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def expected_of(file: Path, there: str) -> Path:
    """Return the file with what one becomes: `x.hub.sse` for `x.messages.sse`, and the other way round."""
    name, _, suffix = file.name.split(".")
    return file.with_name(f"{name}.{there}.{suffix}")


def translated_request(body: dict[str, Any]) -> dict[str, Any]:
    assert ANTHROPIC_MESSAGES.request_to_hub is not None
    hub = ANTHROPIC_MESSAGES.request_to_hub(body)
    found = {"body": hub.body, "warnings": hub.warnings, "echo": hub.echo, "hosted_tools": hub.hosted_tools}
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def translated_answer(data: bytes, display: str | None = "summarized") -> bytes:
    assert ANTHROPIC_MESSAGES.response_from_hub is not None
    return ANTHROPIC_MESSAGES.response_from_hub(data, context(display))


def translated_stream(data: bytes, display: str | None = "summarized") -> bytes:
    stream = MessageStream(context(display))
    return b"".join(map(stream.feed, split_frames(data))) + stream.end()


def message_of(stream: bytes) -> dict[str, Any]:
    """Return the message that Anthropic's SDK assembles from a stream, each event of which must be valid for its type."""
    snapshot, arguments = None, dict[int, bytes]()
    for event in map(decode, split_frames(stream)):
        members = json.loads(event.data or b"")
        assert members["type"] == event.name
        if event.name not in ("ping", "error"):
            valid = strict(RawMessageStreamEvent).validate_python(members)
            snapshot = accumulate_event(event=valid, current_snapshot=snapshot, json_bufs=arguments)
    assert snapshot is not None
    return snapshot.to_dict()


def validate_message(data: bytes) -> dict[str, Any]:
    """Parse a message, which must be valid for the SDK's type."""
    body: dict[str, Any] = json.loads(data)
    Message.model_validate(body, extra="forbid")
    return body


def regenerate() -> None:
    """Overwrite the expected files. Review the diff before you commit it."""
    for file in HERE.glob("requests/*.messages.json"):
        text = json.dumps(translated_request(load(file)), indent=2, ensure_ascii=False)
        expected_of(file, "hub").write_text(text + "\n", "utf-8")
    for file in HERE.glob("answers/*.hub.json"):
        text = json.dumps(json.loads(translated_answer(file.read_bytes())), indent=2, ensure_ascii=False)
        expected_of(file, "messages").write_text(text + "\n", "utf-8")
    for file in HERE.glob("streams/*.hub.sse"):
        expected_of(file, "messages").write_bytes(translated_stream(file.read_bytes()))


if __name__ == "__main__":
    regenerate()
