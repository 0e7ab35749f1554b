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
def test_fragments_are_assigned_to_their_call(fragments: list[Any], calls: list[str]) -> None:
    repair = ToolCallRepair("x", {})
    found: dict[int, str] = {}
    for one in fragments:
        for sent in repair.repair([one]):
            function = sent["function"]
            found[sent["index"]] = found.get(sent["index"], "") + function.get("name", "") + function["arguments"]
    assert list(found.values()) == calls and list(found) == list(range(len(calls)))
    assert bool(repair) is bool(calls)


def test_a_call_gets_the_callers_tool_name_and_keeps_other_members() -> None:
    [sent] = ToolCallRepair("x", {"a_b": "a.b"}).repair([fragment("a_b", {}, id="i", extra_content={"k": 1})])
    assert sent["function"] == {"name": "a.b", "arguments": "{}"} and sent["extra_content"] == {"k": 1}


def test_missing_ids_are_generated_and_unique() -> None:
    sent = ToolCallRepair("x", {}).repair([fragment("f"), fragment("g")])
    assert [call["id"] for call in sent] == ["call_x_0", "call_x_1"]


@pytest.mark.parametrize("id, expected", [("a", "a"), ("null", None), ("", None), (None, None), (3, None)])
def test_the_text_null_is_not_an_id(id: Any, expected: str | None) -> None:
    assert valid_id({"id": id}) == expected


def test_a_complete_call_gets_every_member_of_openais() -> None:
    repaired = repair_complete_call({"index": 0, "function": {"name": "f", "arguments": ""}}, "spare", {"f": "g"})
    assert repaired == {"id": "spare", "type": "function", "function": {"name": "g", "arguments": "{}"}}
