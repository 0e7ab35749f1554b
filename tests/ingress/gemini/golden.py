"""Runs the golden files of Gemini's API; `python -m tests.ingress.gemini.golden` regenerates the expectations.

The answers and streams of the hub are those of the Messages API, and more in the folders beside this file.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from google.genai import types

from proxy.ingress.client_format import AnswerContext
from proxy.ingress.gemini.request import request_to_hub
from proxy.ingress.gemini.response import response_from_hub
from proxy.ingress.gemini.stream import GeminiStream
from proxy.sse import split_frames

HERE = Path(__file__).parent
OF_HUB = (HERE, HERE.parent / "anthropic_messages")


def context(*, thoughts: bool = True) -> AnswerContext:
    """Return a context with the fixed values that golden files contain."""
    return AnswerContext("r1", 1700000000, "gemini-asked", prompt_tokens=7, echo={"thoughts": True} if thoughts else {})


def load(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def hub_files(folder: str, suffix: str) -> list[Path]:
    return sorted(file for place in OF_HUB for file in (place / folder).glob(f"*.hub.{suffix}"))


def expected_of(file: Path, there: str) -> Path:
    """Return the file with what one becomes: `x.gemini.sse` for `x.hub.sse`, and the other way round."""
    name, _, suffix = file.name.split(".")
    return HERE / file.parent.name / f"{name}.{there}.{suffix}"


def translated_request(body: dict[str, Any]) -> dict[str, Any]:
    hub = request_to_hub(body)
    found = {"body": hub.body, "warnings": hub.warnings, "echo": hub.echo, "hosted_tools": hub.hosted_tools}
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def translated_answer(data: bytes, *, thoughts: bool = True) -> dict[str, Any]:
    return json.loads(response_from_hub(data, context(thoughts=thoughts)))  # type: ignore[no-any-return]


def translated_stream(data: bytes, *, thoughts: bool = True) -> bytes:
    stream = GeminiStream(context(thoughts=thoughts))
    return b"".join(map(stream.feed, split_frames(data))) + stream.end()


def responses_of(stream: bytes) -> list[types.GenerateContentResponse]:
    """Return the events of a stream as Google's SDK reads them: lines of data, each valid for its type."""
    lines = [line for line in stream.split(b"\n") if line]
    assert all(line.startswith(b"data: {") for line in lines)
    return [valid(json.loads(line.removeprefix(b"data: "))) for line in lines]


def valid(body: dict[str, Any]) -> types.GenerateContentResponse:
    """Return a response, of which every member and every word must be one that the SDK knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return types.GenerateContentResponse.model_validate(body)


def regenerate() -> None:
    """Overwrite the expected files. Review the diff before you commit it."""
    for file in HERE.glob("requests/*.gemini.json"):
        text = json.dumps(translated_request(load(file)), indent=2, ensure_ascii=False)
        expected_of(file, "hub").write_text(text + "\n", "utf-8")
    for file in hub_files("answers", "json"):
        text = json.dumps(translated_answer(file.read_bytes()), indent=2, ensure_ascii=False)
        expected_of(file, "gemini").write_text(text + "\n", "utf-8")
    for file in hub_files("streams", "sse"):
        expected_of(file, "gemini").write_bytes(translated_stream(file.read_bytes()))


if __name__ == "__main__":
    regenerate()
