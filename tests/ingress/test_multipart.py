"""What is read of a form, in whatever cuts it arrives, and which forms are refused."""

from __future__ import annotations

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.multipart import (
    MAX_PART_HEAD_BYTES,
    PREFIX_BYTES,
    Form,
    FormScanner,
    form_members,
    parse_boundary,
)
from tests.cuts import split_at

FILE = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="model"\r\nContent-Type: a/b\r\n\r\n\r\n--xy\r\n\x00\r\n'
MODEL = b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nm-1\r\n'
STREAM = b"--xyz \t\r\nContent-Length: 4\r\ncontent-disposition:form-data;name=stream\r\n\r\ntrue\r\n"
END = b"--xyz--\r\n"


def scan(*parts: bytes, max_bytes: int = 2**20, needs_model: bool = True) -> Form:
    scanner = FormScanner(b"xyz", max_bytes, needs_model=needs_model)
    for part in parts:
        if scanner.form is None:
            scanner.feed(part)
    scanner.end()
    assert scanner.form is not None
    return scanner.form


@pytest.mark.parametrize("data, fields", [
    (STREAM + MODEL + FILE + END, {"stream": "true", "model": "m-1"}),
    (MODEL + FILE + STREAM + END, {"model": "m-1"}),  # what follows the file is not waited for
    (FILE + STREAM + MODEL + END, {"stream": "true", "model": "m-1"}),
    (FILE + END, {}),
    (END, {}),
    (MODEL.replace(b"m-1", b"") + END, {"model": ""}),
])  # fmt: skip
def test_fields_are_the_same_wherever_the_form_is_cut(data: bytes, fields: dict[str, str]) -> None:
    for at in range(len(data)):
        form = scan(*split_at(data, [at]))
        assert form.fields == fields and data.startswith(form.beginning)
    assert scan(*(data[at : at + 1] for at in range(len(data)))).fields == fields


@pytest.mark.parametrize("before, after", [(b"", FILE), (FILE, b""), (STREAM, STREAM.replace(b"stream", b"n"))])
def test_another_model_takes_the_place_of_the_first(before: bytes, after: bytes) -> None:
    form = scan(before + MODEL.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n") + after + END)
    assert b"".join(form.beginning_with("other")) == before + MODEL.replace(b"m-1", b"other") + after + END
    assert b"".join(form.beginning_with("m-1")) == form.beginning


def test_a_form_that_needs_no_model_is_not_waited_for() -> None:
    assert scan(b"--xyz", needs_model=False).beginning == b"--xyz"


def test_a_long_form_is_not_waited_for_once_its_model_is_known() -> None:
    prompt = b'--xyz\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"x" * PREFIX_BYTES
    assert scan(MODEL, prompt).fields == {"model": "m-1"}


def test_a_model_must_come_in_time() -> None:
    with pytest.raises(InvalidRequestError, match="in its first 500 bytes; send 'model' before the file") as caught:
        scan(FILE, b"x" * 500, MODEL, max_bytes=500)
    assert caught.value.param == "model"


@pytest.mark.parametrize("data, message", [
    (b"--xy\r\n", "does not begin with its boundary"),
    (b"\r\n" + MODEL, "does not begin with its boundary"),
    (b"--xyzz\r\n" + MODEL, "not at the end of its line"),
    (b"--xyz\r\n\r\n\r\nx\r\n--xyz--", "has no name"),
    (MODEL.replace(b"form-data", b"attachment") + END, "has no name"),
    (MODEL.replace(b"name=", b"nome=") + END, "has no name"),
    (MODEL + MODEL + END, "the field 'model' twice"),
    (MODEL.replace(b"m-1", b"\xff") + END, "not UTF-8"),
    (MODEL[:-2], "ends without its closing boundary"),
    (b"", "ends without its closing boundary"),
    (b"--xyz\r\nX: " + b"x" * MAX_PART_HEAD_BYTES, "the head of a part has over 8192 bytes"),
    (b"--xyz" + b" " * MAX_PART_HEAD_BYTES + b"  ", "the head of a part has over 8192 bytes"),
])  # fmt: skip
def test_what_is_not_well_formed_is_refused(data: bytes, message: str) -> None:
    for parts in ([data], [data[at : at + 1] for at in range(len(data))]):
        with pytest.raises(InvalidRequestError, match=message):
            scan(*parts)


@pytest.mark.parametrize("content_type, boundary", [
    ("multipart/form-data; boundary=xyz", b"xyz"),
    ("Multipart/Form-Data ; charset=utf-8; Boundary=\"x y'()+_,-./:=?z\"", b"x y'()+_,-./:=?z"),
    ("multipart/form-data;boundary=" + "x" * 70 + ";a=b", b"x" * 70),
    ("application/json", b""), ("", b""), ("multipart/form-database; boundary=x", b""),
])  # fmt: skip
def test_the_boundary_is_read(content_type: str, boundary: bytes) -> None:
    assert parse_boundary(content_type) == boundary


@pytest.mark.parametrize("parameters", [
    "", "; boundary=", '; boundary=""', "; boundary=" + "x" * 71, '; boundary="x "', "; boundary=x\u00e4", "; boundary=a b",
])  # fmt: skip
def test_a_form_needs_a_valid_boundary(parameters: str) -> None:
    with pytest.raises(InvalidRequestError, match="needs a boundary of 1 to 70 characters"):
        parse_boundary(f"multipart/form-data{parameters}")


@pytest.mark.parametrize("text, value", [
    ("true", True), (" True", True), ("1", True), ("false", False), ("0", False), ("", None), ("perhaps", "perhaps"),
])  # fmt: skip
def test_a_field_stands_for_a_value(text: str, value: object) -> None:
    assert form_members({"stream": text, "model": text}) == {"stream": value, "model": text}
