"""Members have two spellings, and what is in them keeps its names."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.gemini.members import google_only, list_of, members_of, string_of


def test_only_the_members_themselves_are_renamed_and_nulls_are_missing() -> None:
    assert members_of({"top_k": {"in_ner": 1}, "other": None}, "x") == {"topK": {"in_ner": 1}}


@pytest.mark.parametrize("value", [None, 5, "a", []])
def test_anything_but_an_object_is_refused_by_its_path(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"contents\[0\]: must be an object") as raised:
        members_of(value, "contents[0]")
    assert raised.value.param == "contents[0]"


def test_lists_and_strings_are_checked() -> None:
    assert list_of(None, "x") == [] and list_of([1], "x") == [1]
    assert string_of({"name": "f"}, "name", "tools[0]") == "f"
    for read in (lambda: list_of("text", "x.name"), lambda: string_of({"name": ""}, "name", "x")):
        with pytest.raises(InvalidRequestError) as raised:
            read()
        assert raised.value.param == "x.name"


def test_what_only_google_has_is_an_unsupported_feature() -> None:
    error = google_only("cachedContent", "no")
    assert (error.code, error.param, error.message) == ("unsupported_feature", "cachedContent", "cachedContent: no")
