"""The simulated OpenAI keeps files and batches, and is strict with what it is sent. More in `tests/test_files.py`."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.sandbox.contract import Call, Reply, SimulatedError
from proxy.sandbox.openai_files import MAX_KEPT, kept_resource
from tests.test_uploads import form

HEADERS = {"Content-Type": "multipart/form-data; boundary=xyz"}


def ask(storage: dict[str, Any], method: str, path: str, body: bytes = b"", number: int = 1) -> Reply | None:
    return kept_resource(Call("openai", method, path, HEADERS, body, storage=storage, number=number))


def test_a_file_is_kept_and_the_oldest_is_forgotten() -> None:
    storage: dict[str, Any] = {}
    for number in range(MAX_KEPT + 1):
        ask(storage, "POST", "/v1/files", form(("purpose", "batch"), ("file", b"x")), number)
    assert len(storage["files"]) == MAX_KEPT
    reply = ask(storage, "GET", f"/v1/files/{next(iter(storage['files']))}/content")
    assert reply is not None and reply.frames == (b"x",)


@pytest.mark.parametrize("path, body, named", [
    ("/v1/files", form(("file", b"x")), "purpose"),
    ("/v1/files", form(("purpose", "other"), ("file", b"x")), "purpose"),
    ("/v1/files", form(("purpose", "batch"), ("file", b"")), "file"),
    ("/v1/files", form(("purpose", "batch"), ("file", "text")), "file"),
    ("/v1/batches", b"{}", "input_file_id"),
    ("/v1/batches", orjson.dumps(
        {"input_file_id": "file-1", "endpoint": "/v1/responses", "completion_window": "24h"}), "input_file_id"),
])  # fmt: skip
def test_what_openai_refuses_is_refused(path: str, body: bytes, named: str) -> None:
    with pytest.raises(SimulatedError) as caught:
        ask({}, "POST", path, body)
    assert (caught.value.status, caught.value.param) == (400, named)


def test_other_requests_are_not_answered() -> None:
    assert ask({}, "GET", "/v1/models") is None and ask({}, "PUT", "/v1/files") is None
    with pytest.raises(SimulatedError) as caught:
        ask({}, "GET", "/v1/files/file-1")
    assert caught.value.status == 404
