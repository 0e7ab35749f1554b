"""How the golden files of this dialect are run; `python -m tests.dialects.anthropic.golden` writes what is expected anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from proxy.dialects.anthropic import DIALECT
from proxy.dialects.contract import CallerRequest, ResponseContext
from tests.dialects.oracles import feed_all, response_context

HERE = Path(__file__).parent
NAMES = {"a_b": "a.b"}


def asked(body: dict[str, Any]) -> dict[str, Any]:
    """What a request becomes: the provider's body, the warnings and the changed names."""
    call = CallerRequest("chat", body, b"", body["model"], stream=bool(body.get("stream")))
    asking = DIALECT.build_request(call)
    return {"body": json.loads(asking.body), "warnings": list(asking.warnings), "names": dict(asking.tool_names)}


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def streamed(data: bytes) -> tuple[bytes, ResponseContext]:
    seen = response_context(tool_names=NAMES)
    return feed_all(DIALECT.stream_translator(seen), [data]), seen


def write() -> None:
    """Read the difference before you keep it."""
    for file in HERE.glob("requests/*.openai.json"):
        expected = HERE / "requests" / file.name.replace(".openai.", ".anthropic.")
        expected.write_text(json.dumps(asked(read(file)), indent=2, ensure_ascii=False) + "\n", "utf-8")
    for file in HERE.glob("answers/*.anthropic.json"):
        answered = json.loads(DIALECT.translate_response(file.read_bytes(), response_context(tool_names=NAMES)))
        expected = HERE / "answers" / file.name.replace(".anthropic.", ".openai.")
        expected.write_text(json.dumps(answered, indent=2, ensure_ascii=False) + "\n", "utf-8")
    for file in HERE.glob("streams/*.in.sse"):
        (HERE / "streams" / file.name.replace(".in.", ".out.")).write_bytes(streamed(file.read_bytes())[0])


if __name__ == "__main__":
    write()
