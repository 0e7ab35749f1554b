from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.compatible.tools import ToolCallRepair, repair_complete_call, valid_id


def fragment(name: str | None = None, arguments: Any = None, **members: Any) -> dict[str, Any]:
    return {**members, "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize("fragments, calls", [
    ([fragment("f", "{}", index=0, id="a"), fragment("g", "{}", index=0, id="b")], ["f{}", "g{}"]),
    ([fragment("f", "", index=0, id="a"), fragment(None, "{}", index=5)], ["f{}"]),
    ([fragment("f", "", index=0, id="a"), fragment("g", "", index=1, id="b"), fragment(None, "1", index=0)],
     ["f1", "g"]),
    ([fragment("f", "{", index=0), fragment("f", "}", index=0)], ["f{}"]),
    ([fragment("f", "{}", index=0), fragment("f", "{}", index=0)], ["f{}", "f{}"]),
    ([fragment("f", "", id="null"), fragment(None, "{}", id="null")], ["f{}"]),
    ([fragment(None, "{}", index=0)], []),
    ([{}, {"function": None}], []),
])  # fmt: skip
def test_fragments_find_their_call(fragments: list[Any], calls: list[str]) -> None:
    its = ToolCallRepair("x", {})
    found: dict[int, str] = {}
    for one in fragments:
        for told in its.repair([one]):
            function = told["function"]
            found[told["index"]] = found.get(told["index"], "") + function.get("name", "") + function["arguments"]
    assert list(found.values()) == calls and list(found) == list(range(len(calls)))
    assert bool(its) is bool(calls)


def test_a_tool_has_the_callers_name_and_keeps_what_else_a_host_says() -> None:
    [told] = ToolCallRepair("x", {"a_b": "a.b"}).repair([fragment("a_b", {}, id="i", extra_content={"k": 1})])
    assert told["function"] == {"name": "a.b", "arguments": "{}"} and told["extra_content"] == {"k": 1}


def test_ids_that_are_missing_are_made_and_differ() -> None:
    told = ToolCallRepair("x", {}).repair([fragment("f"), fragment("g")])
    assert [call["id"] for call in told] == ["call_x_0", "call_x_1"]


@pytest.mark.parametrize("id, read", [("a", "a"), ("null", None), ("", None), (None, None), (3, None)])
def test_null_as_a_word_is_no_id(id: Any, read: str | None) -> None:
    assert valid_id({"id": id}) == read


def test_a_whole_call_has_all_that_openais_has() -> None:
    told = repair_complete_call({"index": 0, "function": {"name": "f", "arguments": ""}}, "spare", {"f": "g"})
    assert told == {"id": "spare", "type": "function", "function": {"name": "g", "arguments": "{}"}}
