"""A variable is replaced by its value, its default or a file; otherwise the error names it."""

from __future__ import annotations

import errno

import pytest

from proxy.config.variables import UnreadableFileError, UnsetVariableError, expand
from tests.files import read_file

ENVIRON = {"PORT": "80", "EMPTY": "", "NESTED": "${PORT}"}
FILES = {"/run/key": " sk-file\r\n\n", "/run/two": "a\nb\n"}


def expand_text(text: str) -> str:
    return expand(text, ENVIRON, lambda path: read_file(FILES, path))[0]


def test_the_values_of_variables_are_returned() -> None:
    text = "a-${PORT}-${UNSET:-b}-${file:/run/key}"
    assert expand(text, ENVIRON, lambda path: read_file(FILES, path))[1] == ["80", "b", "sk-file"]


def test_a_path_without_a_folder_is_not_shown() -> None:
    def fail(path: str) -> str:
        raise FileNotFoundError(errno.ENOENT, "why", path)

    with pytest.raises(UnreadableFileError, match="^cannot read the file: why$"):
        expand("${file:sk-planted}", ENVIRON, fail)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        (" spaced ", " spaced "),
        ("a-${PORT}-${UNSET:-b}-${EMPTY:-c}", "a-80-b-c"),
        ("${UNSET:-}", ""),
        ("${UNSET:-http://x:1/}", "http://x:1/"),
        ("$PORT ${} ${1} ${file:}", "$PORT ${} ${1} ${file:}"),
        ("${NESTED}", "${PORT}"),
        ("${file:/run/key}", "sk-file"),
        ("Bearer ${file:/run/key}!", "Bearer sk-file!"),
        ("${file:/run/two}", "a\nb"),
    ],
)
def test_variables_are_replaced(text: str, value: str) -> None:
    assert expand_text(text) == value


@pytest.mark.parametrize("name", ["UNSET", "EMPTY"])
def test_a_variable_without_a_value_is_named(name: str) -> None:
    with pytest.raises(UnsetVariableError, match=f"^{name}$"):
        expand_text(f"a ${{{name}}}")


@pytest.mark.parametrize(
    ("number", "is_local"),
    [
        (errno.ENOENT, False),
        (errno.EACCES, False),
        (errno.ETIMEDOUT, False),
        (errno.EMFILE, True),
        (errno.ENFILE, True),
    ],
)
def test_an_unreadable_file_is_named_with_the_reason(number: int, is_local: bool) -> None:
    def fail(path: str) -> str:
        raise OSError(number, "why", path)

    with pytest.raises(UnreadableFileError, match="^cannot read /run/key: why$") as caught:
        expand("${file:/run/key}", ENVIRON, fail)
    assert caught.value.is_local is is_local
