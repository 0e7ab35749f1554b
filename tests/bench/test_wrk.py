"""The output of wrk is parsed, and any failed request is an error."""

from __future__ import annotations

import json

import pytest

from bench.payloads import UNARY_REQUEST, VARIANTS
from bench.processes import BenchError
from bench.wrk import WrkResult, lua_script, parse

REPORT = """Running 4s test @ http://127.0.0.1:8090/v1/chat/completions
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.72ms  310.22us   9.54ms   91.60%
    Req/Sec    18.60k     0.97k   20.06k    82.50%
  74074 requests in 4.00s, 69.93MB read
{errors}Requests/sec:  18509.63
Transfer/sec:     17.47MB
"""


@pytest.mark.parametrize(
    "errors, failures",
    [
        ("", 0),
        ("  Socket errors: connect 1, read 2, write 3, timeout 4\n", 10),
        ("  Non-2xx or 3xx responses: 7\n", 7),
        ("  Socket errors: connect 0, read 2, write 0, timeout 0\n  Non-2xx or 3xx responses: 7\n", 9),
    ],
)
def test_every_kind_of_failure_is_counted(errors, failures):
    assert parse(REPORT.format(errors=errors)) == WrkResult(74074, 18509.63, failures)


def test_unexpected_output_raises():
    with pytest.raises(BenchError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_the_lua_script_contains_body_and_headers_unescaped():
    script = lua_script(UNARY_REQUEST, {"X-Name": 'a "value"'})
    body = script.partition("wrk.body = [==[")[2].partition("]==]")[0]
    assert json.loads(body) == json.loads(UNARY_REQUEST)
    assert 'wrk.headers[ [==[X-Name]==] ] = [==[a "value"]==]\n' in script


@pytest.mark.parametrize("name", list(VARIANTS))
def test_no_variants_body_ends_the_long_bracket(name):
    body, headers = VARIANTS[name]
    assert "]==]" not in body.decode() + "".join(headers.values())
