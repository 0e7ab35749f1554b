"""Items while they are streamed. Golden streams show their events."""

from __future__ import annotations

from proxy.ingress.openai_responses.events import NoEvents
from proxy.ingress.openai_responses.streamed_items import (
    StreamedImage,
    StreamedMessage,
    StreamedReasoning,
    streamed_call,
)
from proxy.ingress.openai_responses.tools import CallerTool


def test_an_item_is_complete_once_it_is_closed() -> None:
    item = StreamedMessage(NoEvents(), 0, "msg_1")
    item.add_text("a", [])
    assert not item.is_complete and item.item["status"] == "in_progress"
    item.close("incomplete")
    assert item.is_complete and item.item["status"] == "incomplete"


def test_text_and_refusal_are_parts_in_their_order() -> None:
    item = StreamedMessage(NoEvents(), 0, "msg_1")
    for add in (item.add_refusal, lambda text: item.add_text(text, []), item.add_refusal):
        add("a")
        add("b")
    item.close()
    assert [part.get("text", part.get("refusal")) for part in item.item["content"]] == ["ab", "ab", "ab"]
    assert [part["type"] for part in item.item["content"]] == ["refusal", "output_text", "refusal"]


def test_reasoning_without_anything_sealed_has_no_encrypted_content() -> None:
    item = StreamedReasoning(NoEvents(), 0, "rs_1")
    item.close()
    assert item.item == {"id": "rs_1", "type": "reasoning", "summary": []}


def test_a_call_has_the_words_of_its_tool() -> None:
    named = {"id": "x", "call_id": "call_1"}
    function = streamed_call(NoEvents(), 0, named, CallerTool("f", "n"))
    custom = streamed_call(NoEvents(), 1, named, CallerTool("f", is_custom=True))
    for call in (function, custom):
        call.add_arguments('{"input":')
        call.add_arguments('"a"}')
        call.close()
    assert (function.item["type"], function.item["namespace"], function.item["arguments"]) == (
        "function_call", "n", '{"input":"a"}',
    )  # fmt: skip
    assert (custom.item["type"], custom.item["input"]) == ("custom_tool_call", "a")


def test_an_image_has_its_data_at_the_end() -> None:
    image = StreamedImage(NoEvents(), 0, "ig_1", "AAAA")
    assert image.item["result"] is None
    image.close()
    assert image.item["result"] == "AAAA"
