"""Conversations that go on from a response: items are joined as the caller's bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.ingress.openai_responses import stored
from proxy.ingress.openai_responses.output import item_id
from proxy.ingress.openai_responses.output import response_id as response_id_of
from proxy.ingress.openai_responses.stored import (
    UnknownResponseError,
    as_list,
    final_response,
    input_items,
    item_ids,
    items_by_id,
    output_items,
    previous_id,
    referenced_ids,
    response_id,
    response_of_item,
    with_history,
    with_items,
)
from tests.ingress.openai_responses.oracles import answer_context


@pytest.mark.parametrize("raw, expected", [
    (b'{"input": [{"a":  1}, {"b": 2}]}', b'{"a":  1}, {"b": 2}'),
    (b'{"input": "\\u00e4"}', b'{"type":"message","role":"user","content":"\\u00e4"}'),
    (b'{"input": [ ]}', b""),
    (b"{}", b""),
    (b'{"input": null}', b""),
    (b'{"input": 5}', b""),
])  # fmt: skip
def test_the_input_is_items_without_brackets(raw: bytes, expected: bytes) -> None:
    assert input_items(raw) == expected


def test_a_request_with_its_history_refers_to_no_response() -> None:
    raw = b'{"model":"m","previous_response_id":"r","input":[{"c": 3}],"x":1.0}'
    merged = with_history(raw, [b'{"a":  1}', b"", b'{"b": 2}'])
    assert merged == b'{"model":"m","input":[{"a":  1},{"b": 2},{"c": 3}],"x":1.0}'


@pytest.mark.parametrize("id", [None, "", "resp_1"])
def test_an_empty_id_is_none(id: Any) -> None:
    assert previous_id({stored.PREVIOUS: id}) == (id or "")


@pytest.mark.parametrize("id", [None, 5, "", "resp_1"])
def test_only_a_text_is_the_id_of_a_response(id: Any) -> None:
    assert response_id(json.dumps({"id": id}).encode()) == (id if id == "resp_1" else "")


def test_the_output_of_a_response_is_items_without_brackets() -> None:
    assert output_items(b'{"output": [{"a":  1}]}') == b'{"a":  1}' and output_items(b"{}") == b""


def test_the_complete_response_is_in_the_last_event_of_a_stream() -> None:
    events = b'event: x\ndata: {}\n\nevent: response.%s\ndata: {"response": {"id": "r"}}\n\n'
    assert final_response(events % b"completed") == final_response(events % b"incomplete") == b'{"id": "r"}'
    assert final_response(events % b"failed") is None and final_response(b": ping\n\n") is None
    quoted = b'event: x\ndata: "event: response.completed\\n"\n\n'
    assert final_response(quoted) is None


def test_references_are_replaced_by_the_items_that_are_known() -> None:
    raw = b'{"model":"m","input":[{"role":"user",  "content":"a"},{"type":"item_reference","id":"rs_1"},{"id":"fc_2"}]}'
    assert referenced_ids(json.loads(raw)) == ["rs_1", "fc_2"]
    replaced = with_items(raw, {"rs_1": b'{"x":  1}'})
    assert replaced == b'{"model":"m","input":[{"role":"user",  "content":"a"},{"x":  1},{"id":"fc_2"}]}'
    assert referenced_ids({"input": "rs_1"}) == []


def test_an_item_is_found_in_the_response_whose_id_it_has() -> None:
    context = answer_context()
    id = item_id("rs", context, 1)
    body = json.dumps({"output": [{"id": item_id("rs", context, 0)}, {"id": id}]}).encode()
    assert response_of_item(id) == response_id_of(context)
    items = items_by_id(body)
    assert json.loads(items[id]) == {"id": id} and "rs_x" not in items
    assert item_ids(body)[1] == id and item_ids(b"{}") == []


def test_listed_items_have_ids_and_parts() -> None:
    items = [
        b'{"role":"user","content":"a"},{"type":"function_call","id":"fc_1"}',
        b"",
        b'{"role":"assistant","content":"b"}',
    ]
    listed = json.loads(as_list(items, "p"))
    assert [item["id"] for item in listed["data"]] == ["msg_p0002", "fc_1", "msg_p0000"]
    assert [item["content"][0]["type"] for item in listed["data"][::2]] == ["output_text", "input_text"]
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == ("msg_p0002", "msg_p0000", False)
    assert json.loads(as_list([], "p"))["data"] == []


def test_an_unknown_response_is_a_404_in_the_words_of_the_api() -> None:
    error = UnknownResponseError("resp_1")
    assert error.status == 404 and error.members() == {
        "message": "Previous response with id 'resp_1' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
