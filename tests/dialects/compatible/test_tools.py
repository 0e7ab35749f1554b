from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.compatible.tools import ToolCallRepair, repair_complete_call
from proxy.errors import MalformedResponse


def fragment(name: str | None = None, arguments: Any = None, **members: Any) -> dict[str, Any]:
    return {**members, "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize("fragments, calls", [
    ([fragment("f", "{}", index=0, id="a"), fragment("g", "{}", index=0, id="b")], ["f{}", "g{}"]),
    ([fragment("f", "", index=0, id="a"), fragment(None, "{}", index=5)], ["f{}"]),
    ([fragment("f", "", index=0, id="a"), fragment("g", "", index=1, id="b"), fragment(None, "1", index=0)],
     ["f1", "g{}"]),
    ([fragment("f", "{", index=0), fragment("f", "}", index=0)], ["f{}"]),
    ([fragment("f", "{}", index=0), fragment("f", "{}", index=0)], ["f{}", "f{}"]),
    ([fragment("f", "", id="null"), fragment(None, "{}", id="null")], ["f{}"]),
    # a name in pieces, as a whole once more, or behind the arguments
    ([fragment("get_", "", index=0, id="a"), fragment("weather", index=0), fragment(None, "{}", index=0)],
     ["get_weather{}"]),
    ([fragment("get_", "", index=0, id="a"), fragment("weather", "{}", index=0, id="a")], ["get_weather{}"]),
    ([fragment("get_", index=0), fragment("weather", '{"a"', index=0), fragment(None, ":1}", index=0)],
     ['get_weather{"a":1}']),
    ([fragment("get_", "", index=0, id="a"), fragment("get_weather", "{}", index=0, id="a")], ["get_weather{}"]),
    ([fragment(None, '{"a":', index=0, id="a"), fragment("f", "1}", index=0, id="a")], ['f{"a":1}']),
    ([fragment("f", "{}", index=0, id="a"), fragment(None, '{"b"', index=1), fragment("g", ":1}", index=1, id="b")],
     ["f{}", 'g{"b":1}']),
    # a placeholder ahead of the arguments
    ([fragment("f", "{}", index=0, id="a"), fragment(None, '{"a":', index=0), fragment(None, "1}", index=0)],
     ['f{"a":1}']),
    # one id for several calls, a new id in each fragment of one call, and a call that is sent once more
    ([fragment("f", '{"a":1}', index=0, id="a"), fragment("g", '{"b":1}', index=0, id="a")], ['f{"a":1}', 'g{"b":1}']),
    ([fragment("f", '{"a"', index=0, id="a"), fragment("f", ":1}", index=0, id="b")], ['f{"a":1}']),
    ([fragment("f", '{"a":1}', index=0, id="a"), fragment("f", '{"a":1}', index=0, id="a")], ['f{"a":1}']),
    # calls are sent in their order, though the first gets its arguments last
    ([fragment("f", "", index=0, id="a"), fragment("g", "[1]", index=1, id="b"), fragment(None, "[0]", index=0)],
     ["f[0]", "g[1]"]),
    ([fragment("f", "", index=0, id="a"), fragment("g", "[1]", index=1, id="b")], ["f{}", "g[1]"]),
    ([fragment(None, "{}", index=0)], []),
    ([{}, {"function": None}], []),
])  # fmt: skip
def test_fragments_are_assigned_to_their_call(fragments: list[Any], calls: list[str]) -> None:
    repair = ToolCallRepair("x", {})
    found: dict[int, str] = {}
    for sent in (*[each for one in fragments for each in repair.repair([one])], *repair.close()):
        function = sent["function"]
        found[sent["index"]] = found.get(sent["index"], "") + function.get("name", "") + function["arguments"]
    assert list(found.values()) == calls and list(found) == list(range(len(calls)))
    assert bool(repair) is bool(calls)


def test_a_call_gets_the_callers_tool_name_and_keeps_other_members() -> None:
    [sent] = ToolCallRepair("x", {"a_b": "a.b"}).repair([fragment("a_b", {"c": 1}, id="i", extra_content={"k": 1})])
    assert sent["function"] == {"name": "a.b", "arguments": '{"c":1}'} and sent["extra_content"] == {"k": 1}


def test_missing_ids_are_generated_and_unique() -> None:
    repair = ToolCallRepair("x", {})
    assert repair.repair([fragment("f"), fragment("g")]) == []
    assert [call["id"] for call in repair.close()] == ["call_x_0", "call_x_1"]


def test_a_name_in_pieces_becomes_the_callers_name() -> None:
    repair = ToolCallRepair("x", {"a_b": "a.b"})
    pieces = [fragment("a_", "", index=0, id="i"), fragment("b", "", index=0), fragment(None, "[]", index=0)]
    assert [sent["function"]["name"] for sent in repair.repair(pieces)] == ["a.b"]


def test_members_of_a_later_fragment_are_sent_once() -> None:
    repair, signed = ToolCallRepair("x", {}), {"extra_content": {"google": {"thought_signature": "s"}}}
    fragments = [
        fragment("f", "[", index=0, id="i"),
        fragment(None, "1", index=0, **signed),
        fragment(None, "]", index=0, **signed),
    ]
    assert [sent.get("extra_content") for sent in repair.repair(fragments)] == [None, signed["extra_content"], None]


def test_arguments_without_a_name_are_held_only_up_to_a_limit() -> None:
    repair = ToolCallRepair("x", {})
    with pytest.raises(MalformedResponse):
        for _ in range(100):
            repair.repair([fragment(None, "[" * 1000, index=0)])


def test_a_complete_call_gets_every_member_of_openais() -> None:
    repaired = repair_complete_call({"index": 0, "function": {"name": "f", "arguments": ""}}, "spare", {"f": "g"})
    assert repaired == {"id": "spare", "type": "function", "function": {"name": "g", "arguments": "{}"}}
