"""Runs the golden files of the Anthropic dialect; `python -m tests.dialects.anthropic.golden` regenerates the expectations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from proxy.dialects.anthropic import DIALECT
from proxy.dialects.contract import CallerRequest, ResponseContext
from tests.dialects.oracles import feed_all, response_context

HERE = Path(__file__).parent
NAMES = {"a_b": "a.b", "answer_in_json": ""}


def translated_request(body: dict[str, Any]) -> dict[str, Any]:
    """Translate a request: the provider's body, the warnings and the changed tool names."""
    caller_request = CallerRequest("chat", body, b"", body["model"], stream=bool(body.get("stream")))
    request = DIALECT.build_request(caller_request)
    return {"body": json.loads(request.body), "warnings": list(request.warnings), "names": dict(request.tool_names)}


def load(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def translate_stream(data: bytes) -> tuple[bytes, ResponseContext]:
    context = response_context(tool_names=NAMES)
    return feed_all(DIALECT.stream_translator(context), [data]), context


def regenerate() -> None:
    """Overwrite the expected files. Review the diff before you commit it."""
    for file in HERE.glob("requests/*.openai.json"):
        expected = HERE / "requests" / file.name.replace(".openai.", ".anthropic.")
        expected.write_text(json.dumps(translated_request(load(file)), indent=2, ensure_ascii=False) + "\n", "utf-8")
    for file in HERE.glob("answers/*.anthropic.json"):
        response = json.loads(DIALECT.translate_response(file.read_bytes(), response_context(tool_names=NAMES)))
        expected = HERE / "answers" / file.name.replace(".anthropic.", ".openai.")
        expected.write_text(json.dumps(response, indent=2, ensure_ascii=False) + "\n", "utf-8")
    for file in HERE.glob("streams/*.in.sse"):
        (HERE / "streams" / file.name.replace(".in.", ".out.")).write_bytes(translate_stream(file.read_bytes())[0])


if __name__ == "__main__":
    regenerate()
