"""Only a valid trace context is forwarded, by the rules of https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

import pytest

from proxy.trace_context import valid_trace_context

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01"

INVALID = {
    "nothing": "",
    "text": "trace",
    "version ff": f"ff-{TRACE}-{PARENT}-01",
    "a version that is not hexadecimal": f"0g-{TRACE}-{PARENT}-01",
    "a version of one digit": f"0-{TRACE}-{PARENT}-01",
    "a trace id of zeros": f"00-{'0' * 32}-{PARENT}-01",
    "a parent id of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "a short trace id": f"00-{TRACE[1:]}-{PARENT}-01",
    "a short parent id": f"00-{TRACE}-{PARENT[1:]}-01",
    "no flags": f"00-{TRACE}-{PARENT}",
    "long flags": f"00-{TRACE}-{PARENT}-010",
    "upper case": VALID.upper(),
    "another separator": VALID.replace("-", "."),
    "a member more in version 00": f"{VALID}-extra",
    "an end of a member in version 00": f"{VALID}-",
    "text after a later version": f"01-{TRACE}-{PARENT}-01.more",
    "two lines": f"{VALID}, {VALID}",
    "two lines of a later version": f"01-{TRACE}-{PARENT}-01-x, 01-{TRACE}-{PARENT}-01",
    "other digits": VALID.replace("1", "\u0661"),
    "an end of line": f"{VALID}\n",
    "no bound": f"01-{TRACE}-{PARENT}-01-{'x' * 500}",
}


@pytest.mark.parametrize("traceparent", INVALID.values(), ids=INVALID)
def test_an_invalid_traceparent_is_dropped_and_tracestate_with_it(traceparent: str) -> None:
    assert valid_trace_context(traceparent, "vendor=1") == {}


@pytest.mark.parametrize(
    "traceparent",
    [
        VALID,
        f"00-{TRACE}-{PARENT}-00",
        f"00-{TRACE}-{PARENT}-ff",
        f"01-{TRACE}-{PARENT}-01",
        f"fe-{TRACE}-{PARENT}-01-x.y-",
    ],
)
def test_a_valid_traceparent_is_unchanged_and_tracestate_stays(traceparent: str) -> None:
    assert valid_trace_context(traceparent, "a=1") == {"traceparent": traceparent, "tracestate": "a=1"}


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        ("a=1,b=2", "a=1,b=2"),
        ("a=1 , b=2,\tc=3", "a=1,b=2,c=3"),
        ("a=1,,b=2, ", "a=1,b=2"),
        (",".join(f"a{at}=1" for at in range(32)), ",".join(f"a{at}=1" for at in range(32))),
        (",".join(f"a{at}=1" for at in range(33)), None),
        ("", None),
        (" , ", None),
    ],
)
def test_the_lines_of_tracestate_are_one_list_of_32_members_at_most(sent: str, forwarded: str | None) -> None:
    assert valid_trace_context(VALID, sent).get("tracestate") == forwarded
    assert valid_trace_context(VALID, sent)["traceparent"] == VALID
