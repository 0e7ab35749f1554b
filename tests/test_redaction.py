"""Secrets are found however they are written and cut, and nothing else of an answer changes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import redaction
from proxy.redaction import LogRedactor, RedactingTransform, Redactor, is_distinct, redact_masked_keys

KEY = 'sk-canary/0123+"x=\\y'
PLAIN = "sk-canary-0123456789"


def escaped(text: str) -> str:
    """Every character as `\\u….`."""
    return "".join(f"\\u{ord(char):04x}" for char in text)


@pytest.mark.parametrize("secret", [KEY, PLAIN])
@pytest.mark.parametrize(
    "written",
    [
        str,
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
        lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
        lambda text: json.dumps(json.dumps(text)[1:-1].replace("/", "\\/"))[1:-1],
        escaped,
        lambda text: escaped(text).upper().replace("\\U", "\\u"),
        lambda text: json.dumps(escaped(text))[1:-1],
        lambda text: json.dumps(text[:5])[1:-1] + escaped(text[5]) + json.dumps(text[6:])[1:-1],
        lambda text: quote(text, safe=""),
        quote_plus,
    ],
)
def test_a_secret_is_found_however_it_is_written(secret, written):
    redactor = Redactor([secret, "another-secret-1"])
    data = f'{{"a": "said {written(secret)} here"}}'.encode()
    for clean in (redactor.redact_error(data), redactor.redact_answer(data)):
        assert clean == b'{"a": "said [redacted] here"}'


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"a": "caf\\u00e9 \\u003cb\\u003e \\n \\"sk-canary\\" \\\\ /"}', b"\\" * 99, b"sk-canary-012345678"],
)
def test_what_has_no_secret_in_it_passes_as_the_same_object(data):
    redactor = Redactor([PLAIN], ["ollama"])
    assert redactor.redact_error(data) is data and redactor.redact_answer(data) is data


VISIBLE = st.characters(min_codepoint=33, max_codepoint=126)


@settings(max_examples=300)
@given(st.text(VISIBLE, min_size=8, max_size=40), st.text(max_size=9), st.randoms(use_true_random=False))
def test_json_stays_json_and_loses_the_secret(secret, around, random):
    secret = f"sk-{secret}-x"

    def piece(char):
        escapes = {'"': ['\\"'], "\\": ["\\\\"], "/": ["/", "\\/"]}.get(char, [char])
        return random.choice([*escapes, f"\\u{ord(char):04x}"])

    around = around.replace(secret, "")
    text = "".join(map(piece, secret))
    data = json.dumps({"before": around, "after": around}).replace('": "', f'": "{text}', 1).encode()
    assert secret in json.loads(data)["before"]
    clean = json.loads(Redactor([secret]).redact_answer(data))
    assert clean["after"] == around or secret in around
    assert clean["before"].endswith(around) and secret not in clean["before"].removesuffix(around)


def test_of_two_secrets_one_within_the_other_nothing_is_left():
    assert Redactor(["secret-1", "secret-1-and-more"]).redact_answer(b"a secret-1-and-more b secret-1") == (
        b"a [redacted] b [redacted]"
    )


def test_a_word_is_only_replaced_in_errors():
    redactor = Redactor([PLAIN], ["ollama"])
    assert redactor.redact_answer(b'{"content": "try ollama"}') == b'{"content": "try ollama"}'
    assert redactor.redact_answer(b'{"error": "no key ollama"}') == b'{"error": "no key [redacted]"}'
    assert redactor.redact_error(b"no key ollama") == b"no key [redacted]"


def test_what_is_too_short_is_not_looked_for():
    redactor = Redactor(["true", "x"], ["null", ""])
    assert redactor.redact_error(b'{"x": true, "y": null}') == b'{"x": true, "y": null}'


@pytest.mark.parametrize(
    ("text", "distinct"),
    [("sk-canary-0123456789", True), ("no-digits-but-long", True), ("token-abc123", True), ("abc1234", False),
     ("ollama", False), ("not-needed", False), ("", False)],
)  # fmt: skip
def test_a_key_is_unlike_a_word(text, distinct):
    assert is_distinct(text) is distinct


def test_header_values_are_redacted_each_for_itself():
    headers = {"x-request-id": f"req-{PLAIN}", "x-ratelimit-limit-tokens": "5", "cf-ray": quote(KEY)}
    assert Redactor([PLAIN, KEY]).redact_headers(headers) == {**headers, "x-request-id": "req-[redacted]"}
    assert Redactor([unquote(quote_plus(PLAIN))]).redact_headers({"a": "b"}) == {"a": "b"}
    assert Redactor([PLAIN]).redact_text(f"caf\u00e9 \udcff {PLAIN}") == "caf\u00e9 \udcff [redacted]"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Incorrect API key provided: sk-proj-********wxyz. You can", "Incorrect API key provided: [redacted] You can"),
        ('"key ab***"', '"key [redacted]"'),
        ("a ** b, 2**3 and -- x", "a ** b, 2**3 and -- x"),
    ],
)
def test_what_a_vendor_leaves_of_a_refused_key_is_left_out(said, left):
    assert redact_masked_keys(said.encode()) == left.encode()


@dataclass
class Whole:
    """A stage that notes what it is fed, and passes it."""

    fed: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> bytes:
        self.fed.append(data)
        return data

    def end(self) -> bytes:
        return b"END"


EVENTS = f'data: {{"a": "{PLAIN}"}}\n\n: ping\n\ndata: "{escaped(PLAIN)} \\u00e9"\n\ndata: x {PLAIN}'.encode()
CLEAN = b'data: {"a": "[redacted]"}\n\n: ping\n\ndata: "[redacted] \\u00e9"\n\ndata: x [redacted]END'


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_any_cut_of_a_stream_gives_the_same(ending):
    events, clean = EVENTS.replace(b"\n", ending), CLEAN.replace(b"\n", ending)
    for at in range(len(events)):
        stage = RedactingTransform(Redactor([PLAIN]), Whole())
        assert stage.feed(events[:at]) + stage.feed(events[at:]) + stage.end() == clean
    stage = RedactingTransform(Redactor([PLAIN]), Whole())
    assert b"".join(stage.feed(events[at : at + 1]) for at in range(len(events))) + stage.end() == clean


def test_an_event_that_came_whole_waits_for_nothing():
    stage = RedactingTransform(Redactor([PLAIN]), Whole())
    assert stage.feed(b"data: 1\n\n") == b"data: 1\n\n"
    assert stage.feed(b"data: 2\n\ndata: 3") == b"data: 2\n\n"
    assert stage.feed(b"\n\n") == b"data: 3\n\n"


def test_a_line_without_end_is_passed_on_when_it_is_longer_than_an_event_may_be(monkeypatch):
    monkeypatch.setattr(redaction, "MAX_EVENT_BYTES", 10)
    inner = Whole()
    stage = RedactingTransform(Redactor([PLAIN]), inner)
    for _ in range(4):
        stage.feed(b"12345")
    assert sum(map(len, inner.fed)) == 20


def test_the_log_knows_the_secrets_of_the_files_before():
    redact = LogRedactor(files=2)
    assert redact(b"one-secret-1") == b"one-secret-1"
    redact.add_secrets(["one-secret-1"])
    redact.add_secrets(["two-secret-2"])
    redact.add_secrets(["two-secret-2"])
    assert redact(b"one-secret-1 two-secret-2\n") == b"[redacted] [redacted]\n"
    redact.add_secrets(["six-secret-6"])
    assert redact(b"one-secret-1 two-secret-2 six-secret-6\n") == b"one-secret-1 [redacted] [redacted]\n"
