from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.compatible.streamed_call import StreamedCall, valid_id


@pytest.mark.parametrize("id, expected", [("a", "a"), ("null", None), ("", None), (None, None), (3, None)])
def test_the_text_null_is_not_an_id(id: Any, expected: str | None) -> None:
    assert valid_id({"id": id}) == expected


@pytest.mark.parametrize("pieces, may_start", [
    ([("f", "{")], True), ([("f", "")], False), ([("f", " "), ("", "{}")], False), ([("f", "{}"), ("", "{")], True),
    ([("", "{")], False), ([("", "{"), ("f", "")], True),
])  # fmt: skip
def test_a_call_starts_with_a_name_and_arguments(pieces: list[tuple[str, str]], may_start: bool) -> None:
    call = StreamedCall()
    assert [call.take({}, name, arguments) for name, arguments in pieces] == [None] * len(pieces)
    assert call.may_start is may_start
