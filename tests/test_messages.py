"""A body seen through a stage, and when an answer is complete."""

from __future__ import annotations

import pytest

from proxy.errors import UpstreamDisconnected
from proxy.messages import CompletionState, Response, TransformedBody


class Pieces:
    """A body of given pieces, which notes that it was closed."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.closed = 0

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        self.closed += 1


class Lines:
    """A stage that lets whole lines through."""

    def __init__(self) -> None:
        self.held = b""

    def feed(self, data: bytes) -> bytes:
        whole, newline, self.held = (self.held + data).rpartition(b"\n")
        return whole + newline

    def end(self) -> bytes:
        return self.held


async def test_a_staged_body_gives_what_the_stage_lets_through_and_then_what_it_held() -> None:
    body = TransformedBody(Pieces(b"a", b"b\nc", b"d\n", b"e"), Lines())
    assert [await body.read() for _ in range(5)] == [b"ab\n", b"cd\n", b"e", b"", b""]


async def test_a_stage_that_holds_nothing_ends_with_nothing() -> None:
    body = TransformedBody(Pieces(b"a\n"), Lines())
    assert [await body.read() for _ in range(3)] == [b"a\n", b"", b""]


async def test_what_a_stage_holds_back_is_given_where_the_source_fails_after_the_end() -> None:
    class Fails(Pieces):
        async def read(self) -> bytes:
            if not self.pieces:
                raise UpstreamDisconnected("reset")
            return await super().read()

    body = TransformedBody(Fails(b"a"), Lines(), CompletionState(finish_reason="stop"))
    assert [await body.read() for _ in range(2)] == [b"a", b""]
    body = TransformedBody(Fails(b"a"), Lines(), CompletionState())
    with pytest.raises(UpstreamDisconnected):
        await body.read()


def test_closing_reaches_the_source() -> None:
    source = Pieces()
    Response(200, {}, TransformedBody(source, Lines())).close()
    Response(200, {}, b"whole").close()
    assert source.closed == 1


@pytest.mark.parametrize(
    ("usage", "count"),
    [(None, None), ({}, None), ({"n": 3}, 3), ({"n": 3.0}, 3), ({"n": 0}, 0)]
    + [({"n": odd}, None) for odd in (None, "3", [], {}, -1, 10**400, float("inf"), float("nan"))],
)
def test_what_is_no_count_counts_nothing(usage: dict[str, object] | None, count: int | None) -> None:
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
        (CompletionState(finish_reason="stop", choice_finished={0: True}), True, True),
        (CompletionState(finish_reason="stop", choice_finished={0: True, 1: False}), False, False),
        (CompletionState(finish_reason="stop", choice_finished={0: True}, requested_choices=2), False, False),
        (CompletionState(finish_reason="stop", choice_finished={0: True, 1: True}, requested_choices=2), True, True),
        (CompletionState(finish_reason="stop", ends_with_connection=True), True, False),
    ],
)
def test_nothing_more_is_due_once_as_many_choices_as_were_asked_for_have_finished(
    answer: CompletionState, all_finished: bool, only_trailer: bool
) -> None:
    assert (answer.all_choices_finished, answer.awaits_only_trailer) == (all_finished, only_trailer)
