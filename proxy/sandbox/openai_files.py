"""Simulation of OpenAI's files, batches and uploads, which each provider keeps for itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from proxy.sandbox.contract import Call, Reply, SimulatedError, json_reply, parse_json_object
from proxy.sandbox.openai_forms import FormFile, parse_form

MAX_KEPT = 1_000
"""Of each kind. The oldest are forgotten."""

_PATH = re.compile(r"/v1/(?P<kind>files|batches|uploads)(?:/(?P<id>\w+-?\w+)(?P<below>/\w+)?)?")
_PREFIXES: Mapping[str, str] = {"files": "file-", "batches": "batch_", "uploads": "upload_"}
_PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")


def kept_resource(call: Call) -> Reply | None:
    """Answer a request for a file, a batch or an upload, None if the path is no such request."""
    found = _PATH.fullmatch(call.path)
    handle = _OPERATIONS.get((call.method, found["kind"], found["id"] and "id", found["below"])) if found else None
    if found is None or handle is None:
        return None
    kept = call.storage.setdefault(found["kind"], {})
    if found["id"] and found["id"] not in kept:
        raise SimulatedError(404, f"No such object: {found['id']}", param="id")
    return handle(call, found["id"] or found["kind"])


def _keep(call: Call, kind: str, value: Mapping[str, Any], content: bytes = b"") -> Reply:
    kept = call.storage.setdefault(kind, {})
    about = {"id": f"{_PREFIXES[kind]}{call.id()}", "created_at": int(call.now), **value}
    kept[about["id"]] = {"about": about, "content": content, "parts": {}}
    while len(kept) > MAX_KEPT:
        kept.pop(next(iter(kept)))
    return json_reply(200, {}, about)


def _create_file(call: Call, kind: str) -> Reply:
    form = parse_form(call)
    [file], [purpose] = form.get("file", [""]), form.get("purpose", [""])
    if purpose not in _PURPOSES:
        raise SimulatedError(400, f"'purpose' must be one of {', '.join(_PURPOSES)}.", param="purpose")
    if not isinstance(file, FormFile) or not file.content:
        raise SimulatedError(400, "'file' must be a file that is not empty.", param="file")
    return _keep(call, "files", _file(file.name, str(purpose), file.content), file.content)


def _file(name: str, purpose: str, content: bytes) -> dict[str, Any]:
    about = {"object": "file", "bytes": len(content), "filename": name, "purpose": purpose}
    return {**about, "status": "processed", "expires_at": None, "status_details": None}


def _list(call: Call, kind: str) -> Reply:
    found = [each["about"] for each in call.storage[kind].values()]
    listed = [about for about in found if call.query.get("purpose") in (None, about.get("purpose"))][::-1]
    listed = listed[: int(call.query.get("limit", 20))]
    ends = {"first_id": listed[0]["id"], "last_id": listed[-1]["id"]} if listed else {"first_id": "", "last_id": ""}
    return json_reply(200, {}, {"object": "list", "data": listed, **ends, "has_more": False})


def _get_file(call: Call, id: str) -> Reply:
    return json_reply(200, {}, call.storage["files"][id]["about"])


def _get_batch(call: Call, id: str) -> Reply:
    return json_reply(200, {}, call.storage["batches"][id]["about"])


def _content(call: Call, id: str) -> Reply:
    content = call.storage["files"][id]["content"]
    return Reply(200, {"content-type": "application/octet-stream"}, (content,))


def _delete(call: Call, id: str) -> Reply:
    del call.storage["files"][id]
    return json_reply(200, {}, {"id": id, "object": "file", "deleted": True})


def _create_batch(call: Call, kind: str) -> Reply:
    body = parse_json_object(call)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(body.get(name), str):
            raise SimulatedError(400, f"Missing parameter: '{name}'.", param=name, code="missing_required_parameter")
    file = call.storage.setdefault("files", {}).get(body["input_file_id"])
    if file is None:
        raise SimulatedError(400, f"No such File object: {body['input_file_id']}", param="input_file_id")
    answers = _keep(call, "files", _file("output.jsonl", "batch_output", file["content"]), file["content"])
    counts = {"total": 1, "completed": 1, "failed": 0}
    about = {"object": "batch", "status": "completed", "output_file_id": f"file-{call.id()}", "error_file_id": None}
    assert answers.status == 200
    return _keep(call, "batches", {**body, **about, "errors": None, "request_counts": counts, "metadata": None})


def _cancel(call: Call, id: str) -> Reply:
    kind = "batches" if id.startswith("batch_") else "uploads"
    about = call.storage[kind][id]["about"]
    about["status"] = "cancelling" if kind == "batches" else "cancelled"
    return json_reply(200, {}, about)


def _create_upload(call: Call, kind: str) -> Reply:
    body = parse_json_object(call)
    members = {name: body.get(name) for name in ("filename", "purpose", "bytes")}
    return _keep(
        call, "uploads", {"object": "upload", **members, "status": "pending", "expires_at": int(call.now) + 3600}
    )


def _add_part(call: Call, id: str) -> Reply:
    [data] = parse_form(call).get("data", [""])
    if not isinstance(data, FormFile):
        raise SimulatedError(400, "'data' must be a file.", param="data")
    part = {"id": f"part_{call.id()}", "object": "upload.part", "created_at": int(call.now), "upload_id": id}
    call.storage["uploads"][id]["parts"][part["id"]] = data.content
    return json_reply(200, {}, part)


def _complete(call: Call, id: str) -> Reply:
    upload, body = call.storage["uploads"][id], parse_json_object(call)
    content = b"".join(upload["parts"][part] for part in body["part_ids"])
    about = upload["about"]
    _keep(call, "files", _file(about["filename"], about["purpose"], content), content)
    file = call.storage["files"][f"file-{call.id()}"]["about"]
    upload["about"] = {**about, "status": "completed", "file": file}
    return json_reply(200, {}, upload["about"])


_OPERATIONS: Mapping[tuple[str, str, str | None, str | None], Callable[[Call, str], Reply]] = {
    ("POST", "files", None, None): _create_file,
    ("GET", "files", None, None): _list,
    ("GET", "files", "id", None): _get_file,
    ("DELETE", "files", "id", None): _delete,
    ("GET", "files", "id", "/content"): _content,
    ("POST", "batches", None, None): _create_batch,
    ("GET", "batches", None, None): _list,
    ("GET", "batches", "id", None): _get_batch,
    ("POST", "batches", "id", "/cancel"): _cancel,
    ("POST", "uploads", None, None): _create_upload,
    ("POST", "uploads", "id", "/parts"): _add_part,
    ("POST", "uploads", "id", "/complete"): _complete,
    ("POST", "uploads", "id", "/cancel"): _cancel,
}
"""Method, kind, whether there is an id, and what follows it."""
