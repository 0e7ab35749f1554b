"""Responses are read to their end, and percentiles are observed values."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.latency import _read_answer, percentile
from bench.processes import BenchError


@pytest.mark.parametrize("share, expected", [(50, 2.0), (51, 3.0), (99, 4.0), (100, 4.0), (1, 1.0)])
def test_a_percentile_is_one_of_the_values(share, expected):
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == expected


ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\ncontent-length:5\r\nserver: x\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_response_is_read_exactly_to_its_end_in_chunks_of_any_size(answer):
    parts = iter([answer[index : index + 1] for index in range(len(answer))])
    _read_answer(lambda _: next(parts))
    assert not list(parts)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", ANSWERS[0][:-1]])
def test_an_error_status_or_a_cut_response_raises(answer):
    parts: Iterator[bytes] = iter([answer, b""])
    with pytest.raises(BenchError):
        _read_answer(lambda _: next(parts))
