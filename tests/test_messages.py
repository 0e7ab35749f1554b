"""When an answer is complete, and what is kept of it."""

from __future__ import annotations

import pytest

from proxy.messages import MAX_KEPT_TEXT, CompletionState, Response, UpstreamRequest


def test_an_upstream_request_does_not_show_its_key() -> None:
    request = UpstreamRequest("https://a.test/v1?key=canary", {"authorization": "canary"}, b"canary")
    assert repr(request) == "UpstreamRequest(POST)"


def test_each_response_has_its_own_transforms() -> None:
    one, other = Response(200, {}, None), Response(200, {}, None)
    assert one.transforms is not other.transforms


def test_text_is_kept_until_it_is_too_long_and_its_length_is_counted_on() -> None:
    state = CompletionState()
    for _ in range(200):
        state.append_text("ab")
    assert (state.length, "".join(state.text), state.text_only) == (400, "ab" * 200, True)
    assert len(state.text) <= 65
    state.append_text("c" * (MAX_KEPT_TEXT - 400))
    assert state.text_only and len("".join(state.text)) == MAX_KEPT_TEXT
    state.append_text("d")
    assert (state.length, state.text, state.text_only) == (MAX_KEPT_TEXT + 1, [], False)
    state.append_text("e")
    assert (state.length, state.text) == (MAX_KEPT_TEXT + 2, [])


def test_text_after_something_else_is_counted_but_not_kept() -> None:
    state = CompletionState(text_only=False)
    state.append_text("abc")
    assert (state.length, state.text) == (3, [])


@pytest.mark.parametrize(
    ("usage", "count"),
    [(None, None), ({}, None), ({"n": 3}, 3), ({"n": 3.0}, 3), ({"n": 0}, 0)]
    + [({"n": odd}, None) for odd in (None, "3", [], {}, -1, 10**400, float("inf"), float("nan"))],
)
def test_a_token_count_is_a_number_that_is_not_negative_or_none(
    usage: dict[str, object] | None, count: int | None
) -> None:
    assert CompletionState(usage=usage).token_count("n") == count


@pytest.mark.parametrize(
    ("answer", "complete"),
    [
        (CompletionState(), False),
        (CompletionState(done=True), False),
        (CompletionState(finish_reason="stop"), True),
        (CompletionState(finish_reason="stop", error=True), False),
    ],
)
def test_only_a_finish_reason_without_an_error_makes_an_answer_complete(
    answer: CompletionState, complete: bool
) -> None:
    assert answer.complete is complete


@pytest.mark.parametrize(
    ("answer", "all_finished", "only_trailer"),
    [
        (CompletionState(), False, False),
        (CompletionState(finish_reason="stop"), True, True),
        (CompletionState(finish_reason="stop", seen_choices={0}), True, True),
        (CompletionState(finish_reason="stop", seen_choices={0, 1}, open_choices={1}), False, False),
        (CompletionState(finish_reason="stop", seen_choices={0}, requested_choices=2), False, False),
        (CompletionState(finish_reason="stop", seen_choices={0, 1}, requested_choices=2), True, True),
        (CompletionState(finish_reason="stop", ends_with_connection=True), True, False),
    ],
)
def test_an_answer_awaits_only_its_trailer_once_all_requested_choices_have_finished(
    answer: CompletionState, all_finished: bool, only_trailer: bool
) -> None:
    assert (answer.all_choices_finished, answer.awaits_only_trailer) == (all_finished, only_trailer)
