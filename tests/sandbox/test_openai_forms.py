"""The simulated OpenAI is strict with forms."""

from __future__ import annotations

import orjson
import pytest

from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.openai_forms import FORM_ENDPOINTS, digest, parse_form
from tests.test_uploads import form

HEADERS = {"Content-Type": "multipart/form-data; boundary=xyz"}


def call(body: bytes, path: str = "/v1/audio/transcriptions") -> Call:
    return Call("openai", "POST", path, HEADERS, body)


def test_a_transcript_tells_of_the_file() -> None:
    content = b"\r\n--xy"
    reply = FORM_ENDPOINTS["/v1/audio/transcriptions"].answer(call(form(("model", "w"), ("file", content))))
    assert orjson.loads(reply.frames[0])["text"] == f"openai heard file.wav: 6 bytes, {digest(content)}"


@pytest.mark.parametrize("body", [
    b"", form(("model", "w"))[:-4], b"\r\n" + form(("model", "w")), form(("model", "w")).replace(b"; name", b"; nome"),
])  # fmt: skip
def test_a_form_that_is_not_well_formed_is_a_400(body: bytes) -> None:
    with pytest.raises(SimulatedError, match="could not parse"):
        parse_form(call(body))


@pytest.mark.parametrize(
    "parts, named",
    [
        ([("file", b"x")], "model"),
        ([("model", "w"), ("file", "text")], "file"),
        ([("model", "w")], "file"),
        ([("model", "w"), ("file", b"x"), ("other", "x")], "other"),
        ([("model", "w"), ("file", b"x"), ("response_format", "x")], "response_format"),
    ],
)
def test_what_openai_refuses_is_refused(parts: list[tuple[str, bytes | str]], named: str) -> None:
    with pytest.raises(SimulatedError) as caught:
        FORM_ENDPOINTS["/v1/audio/transcriptions"].answer(call(form(*parts)))
    assert (caught.value.status, caught.value.param) == (400, named)


def test_a_number_of_images_must_be_one() -> None:
    edit = call(form(("prompt", "x"), ("n", "many"), ("image", b"x")), "/v1/images/edits")
    with pytest.raises(SimulatedError):
        FORM_ENDPOINTS[edit.path].answer(edit)
