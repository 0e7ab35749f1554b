"""Reads the fields at the beginning of a form (`multipart/form-data`, RFC 7578) as it arrives, and skips the content of files.

Only what routing needs is kept: the model, and where it stands. How: a delimiter is searched from where the last search
has ended, so a form in many small pieces takes no longer than in one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from proxy.errors import InvalidRequestError

PREFIX_BYTES = 64 * 1024
"""More than this of a form is kept only until its model is known."""
MAX_PART_HEAD_BYTES = 8 * 1024
MAX_VALUE_BYTES = 1024
"""Of a field that is read."""
_READ_FIELDS = frozenset({"model", "stream"})
_VALUES: Mapping[str, Any] = {"true": True, "1": True, "false": False, "0": False, "": None}
"""Of a field that is a boolean."""

_FORM = re.compile(r"multipart/form-data\s*(?:;|\Z)", re.IGNORECASE)
_BOUNDARY_PARAMETER = re.compile(
    r';\s*boundary\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<token>[^\s;"]*))\s*(?:;|\Z)', re.IGNORECASE
)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1
_DISPOSITION = re.compile(rb"(?:\A|\r\n)content-disposition[ \t]*:[ \t]*form-data(?P<rest>[^\r\n]*)", re.IGNORECASE)
_NAME = re.compile(rb';[ \t]*name[ \t]*=[ \t]*(?:"(?P<quoted>[^"]*)"|(?P<token>[^ \t;"]+))', re.IGNORECASE)
_FILE_NAME = re.compile(rb";[ \t]*filename\*?[ \t]*=", re.IGNORECASE)
_PADDING = b" \t"


def parse_boundary(content_type: str) -> bytes:
    """Return the boundary of a form, b"" for a body that is none. Raises InvalidRequestError for one without a valid boundary."""
    if not _FORM.match(content_type):
        return b""
    found = _BOUNDARY_PARAMETER.search(content_type)
    boundary = (found["quoted"] or found["token"] or "") if found else ""
    if not _BOUNDARY.fullmatch(boundary):
        raise _malformed("Content-Type needs a boundary of 1 to 70 characters, as RFC 2046 allows them")
    return boundary.encode()


class Part(NamedTuple):
    """Where a field stands in a form: from the first byte of its head to the last of its value."""

    start: int
    end: int


class Form(Struct, frozen=True):
    """What was read of a form."""

    fields: dict[str, str]
    beginning: bytes | bytearray
    """The bytes of it that have arrived. They are not changed."""
    model: Part | None = None
    """Where the field `model` stands in `beginning`."""

    def __repr__(self) -> str:
        return f"Form({', '.join(self.fields)})"  # the rest is the caller's content

    def beginning_with(self, model: str) -> list[memoryview]:
        """Return the beginning with another model in it, in parts that share its memory."""
        view = memoryview(self.beginning)
        if self.model is None or self.fields["model"] == model:
            return [view]
        part = b'Content-Disposition: form-data; name="model"\r\n\r\n' + model.encode()
        return [view[: self.model.start], memoryview(part), view[self.model.end :]]


class FormScanner:
    """Collects the beginning of a form, up to its first file or `PREFIX_BYTES`, and further until its model is found.

    `feed` raises InvalidRequestError for what is not well-formed, and if there is no model in the first `max_bytes`.
    """

    def __init__(self, boundary: bytes, max_bytes: float, *, needs_model: bool = True) -> None:
        self.form: Form | None = None
        """Set once enough of the form is read."""
        self._delimiter = b"\r\n--" + boundary
        self._max_bytes = max_bytes
        self._needs_model = needs_model
        self._data = bytearray()
        self._at = self._searched = self._part_start = 0
        # A function rather than a bound method, which would keep the form until the next garbage collection.
        self._step: Callable[[FormScanner], bool] | None = FormScanner._begin
        self._name = ""
        self._is_in_file = False
        self._fields: dict[str, str] = {}
        self._model: Part | None = None

    def feed(self, data: bytes) -> None:
        """Read on. Not to be called once `form` is set."""
        self._data += data
        while self._step is not None and not self._is_enough and self._step(self):
            pass
        if self._step is None or self._is_enough:
            self.form = Form(self._fields, self._data, self._model)
        elif len(self._data) > self._max_bytes:
            raise InvalidRequestError(
                f"the form has no field 'model' in its first {self._max_bytes} bytes; send 'model' before the file",
                param="model",
                code="missing_required_parameter",
            )

    def end(self) -> None:
        """Take the end of the body. Raises InvalidRequestError if the form goes on."""
        if self.form is None:
            raise _malformed("the form ends without its closing boundary")

    @property
    def _is_enough(self) -> bool:
        if not self._needs_model:
            return self._step is not FormScanner._begin
        return self._model is not None and (self._is_in_file or len(self._data) > PREFIX_BYTES)

    # The steps. Each returns whether it could be taken with what has arrived, and sets the next.

    def _begin(self) -> bool:
        first = self._delimiter[2:]
        if not first.startswith(self._data[: len(first)]):
            raise _malformed("the form does not begin with its boundary")
        if len(self._data) < len(first):
            return False
        self._at, self._step = len(first), FormScanner._end_delimiter
        return True

    def _end_delimiter(self) -> bool:
        """Read what follows a boundary: `--` after the last one, otherwise the end of its line."""
        data, at = self._data, self._at
        if data.startswith(b"--", at):
            self._step = None
            return True
        while at < len(data) and data[at] in _PADDING:
            at += 1
        if len(data) - at < 2:
            self._check_part_head(at - self._at)
            return False
        if not data.startswith(b"\r\n", at):
            raise _malformed("a boundary is not at the end of its line")
        self._at = self._searched = self._part_start = at + 2
        self._step = FormScanner._read_head
        return True

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n", max(self._at, self._searched - 3))
        if end < 0:
            self._searched = len(self._data)
            self._check_part_head(len(self._data) - self._at)
            return False
        self._check_part_head(end - self._at)
        self._name, self._is_in_file = _parse_head(bytes(self._data[self._at : end]))
        self._at = end + 4
        self._searched, self._step = end + 2, FormScanner._read_content  # an empty value ends where it begins
        return True

    def _read_content(self) -> bool:
        end = self._data.find(self._delimiter, self._searched)
        if end < 0:
            self._searched = max(self._searched, len(self._data) - len(self._delimiter) + 1)
            return False
        if self._name in _READ_FIELDS and not self._is_in_file:
            self._keep_field(end)
        self._at, self._step, self._is_in_file = end + len(self._delimiter), FormScanner._end_delimiter, False
        return True

    def _keep_field(self, end: int) -> None:
        if self._name in self._fields:
            raise InvalidRequestError(f"the form has the field '{self._name}' twice", param=self._name)
        try:
            self._fields[self._name] = self._data[self._at : min(end, self._at + MAX_VALUE_BYTES)].decode()
        except UnicodeDecodeError:
            raise InvalidRequestError(f"the field '{self._name}' is not UTF-8", param=self._name) from None
        if self._name == "model":
            self._model = Part(self._part_start, end)

    def _check_part_head(self, size: int) -> None:
        if size > MAX_PART_HEAD_BYTES:
            raise _malformed(f"the head of a part has over {MAX_PART_HEAD_BYTES} bytes")


def form_members(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return fields as the members of a JSON body that they stand for. Those of another type than expected stay text."""
    return {
        name: _VALUES.get(value.strip().lower(), value) if name == "stream" else value for name, value in fields.items()
    }


def _parse_head(head: bytes) -> tuple[str, bool]:
    """Return the name of a field, and whether it is a file. Raises InvalidRequestError."""
    disposition = _DISPOSITION.search(head)
    name = _NAME.search(disposition["rest"]) if disposition else None
    if disposition is None or name is None:
        raise _malformed("a part has no name: Content-Disposition must be form-data with one")
    found = name["quoted"] if name["quoted"] is not None else name["token"]
    return found.decode("utf-8", "replace"), _FILE_NAME.search(disposition["rest"]) is not None


def _malformed(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="invalid_form")
