"""Secrets are found in every encoding and however a stream is cut; everything else is unchanged."""

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
    """Escape every character as `\\u….`."""
    return "".join(f"\\u{ord(char):04x}" for char in text)


@pytest.mark.parametrize("secret", [KEY, PLAIN])
@pytest.mark.parametrize(
    "encode",
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
def test_a_secret_is_found_in_every_encoding(secret, encode):
    redactor = Redactor([secret, "another-secret-1"])
    data = f'{{"a": "said {encode(secret)} here"}}'.encode()
    for clean in (redactor.redact_error(data), redactor.redact_answer(data)):
        assert clean == b'{"a": "said [redacted] here"}'


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"a": "caf\\u00e9 \\u003cb\\u003e \\n \\"sk-canary\\" \\\\ /"}', b"\\" * 99, b"sk-canary-012345678"],
)
def test_data_without_secrets_is_returned_as_the_same_object(data):
    redactor = Redactor([PLAIN], ["ollama"])
    assert redactor.redact_error(data) is data and redactor.redact_answer(data) is data


VISIBLE = st.characters(min_codepoint=33, max_codepoint=126)


@settings(max_examples=300)
@given(st.text(VISIBLE, min_size=8, max_size=40), st.text(max_size=9), st.randoms(use_true_random=False))
def test_json_stays_valid_and_loses_the_secret(secret, around, random):
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


def test_of_two_nested_secrets_no_part_remains():
    assert Redactor(["secret-1", "secret-1-and-more"]).redact_answer(b"a secret-1-and-more b secret-1") == (
        b"a [redacted] b [redacted]"
    )


def test_a_weak_secret_is_only_replaced_in_errors():
    redactor = Redactor([PLAIN], ["ollama"])
    assert redactor.redact_answer(b'{"content": "try ollama"}') == b'{"content": "try ollama"}'
    assert redactor.redact_answer(b'{"error": "no key ollama"}') == b'{"error": "no key [redacted]"}'
    assert redactor.redact_error(b"no key ollama") == b"no key [redacted]"


def test_short_secrets_are_ignored():
    redactor = Redactor(["true", "x"], ["null", ""])
    assert redactor.redact_error(b'{"x": true, "y": null}') == b'{"x": true, "y": null}'


@pytest.mark.parametrize(
    ("text", "distinct"),
    [("sk-canary-0123456789", True), ("no-digits-but-long", True), ("token-abc123", True), ("abc1234", False),
     ("ollama", False), ("not-needed", False), ("", False)],
)  # fmt: skip
def test_is_distinct_by_length_and_digits(text, distinct):
    assert is_distinct(text) is distinct


def test_header_values_and_texts_are_redacted():
    headers = {"x-request-id": f"req-{PLAIN}", "x-ratelimit-limit-tokens": "5", "cf-ray": quote(KEY)}
    assert Redactor([PLAIN, KEY]).redact_headers(headers) == {**headers, "x-request-id": "req-[redacted]"}
    assert Redactor([unquote(quote_plus(PLAIN))]).redact_headers({"a": "b"}) == {"a": "b"}
    assert Redactor([PLAIN]).redact_text(f"caf\u00e9 \udcff {PLAIN}") == "caf\u00e9 \udcff [redacted]"


@pytest.mark.parametrize(
    ("quoted", "redacted"),
    [
        ("Incorrect API key provided: sk-proj-********wxyz. You can", "Incorrect API key provided: [redacted] You can"),
        ('"key ab***"', '"key [redacted]"'),
        ("a ** b, 2**3 and -- x", "a ** b, 2**3 and -- x"),
    ],
)
def test_masked_keys_in_error_bodies_are_redacted(quoted, redacted):
    assert redact_masked_keys(quoted.encode()) == redacted.encode()


@dataclass
class RecordingTransform:
    """A transform that records its input and returns it unchanged."""

    received: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> bytes:
        self.received.append(data)
        return data

    def end(self) -> bytes:
        return b"END"


EVENTS = f'data: {{"a": "{PLAIN}"}}\n\n: ping\n\ndata: "{escaped(PLAIN)} \\u00e9"\n\ndata: x {PLAIN}'.encode()
REDACTED_EVENTS = b'data: {"a": "[redacted]"}\n\n: ping\n\ndata: "[redacted] \\u00e9"\n\ndata: x [redacted]END'


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_the_output_does_not_depend_on_how_the_stream_is_cut(ending):
    events, clean = EVENTS.replace(b"\n", ending), REDACTED_EVENTS.replace(b"\n", ending)
    for at in range(len(events)):
        transform = RedactingTransform(Redactor([PLAIN]), RecordingTransform())
        assert transform.feed(events[:at]) + transform.feed(events[at:]) + transform.end() == clean
    transform = RedactingTransform(Redactor([PLAIN]), RecordingTransform())
    assert b"".join(transform.feed(events[at : at + 1]) for at in range(len(events))) + transform.end() == clean


def test_complete_events_are_not_delayed():
    transform = RedactingTransform(Redactor([PLAIN]), RecordingTransform())
    assert transform.feed(b"data: 1\n\n") == b"data: 1\n\n"
    assert transform.feed(b"data: 2\n\ndata: 3") == b"data: 2\n\n"
    assert transform.feed(b"\n\n") == b"data: 3\n\n"


def test_a_line_longer_than_the_largest_event_is_passed_on(monkeypatch):
    monkeypatch.setattr(redaction, "MAX_EVENT_BYTES", 10)
    inner = RecordingTransform()
    transform = RedactingTransform(Redactor([PLAIN]), inner)
    for _ in range(4):
        transform.feed(b"12345")
    assert sum(map(len, inner.received)) == 20


def test_the_log_redactor_keeps_the_secrets_of_earlier_files():
    redact = LogRedactor(files=2)
    assert redact(b"one-secret-1") == b"one-secret-1"
    redact.add_secrets(["one-secret-1"])
    redact.add_secrets(["two-secret-2"])
    redact.add_secrets(["two-secret-2"])
    assert redact(b"one-secret-1 two-secret-2\n") == b"[redacted] [redacted]\n"
    redact.add_secrets(["six-secret-6"])
    assert redact(b"one-secret-1 two-secret-2 six-secret-6\n") == b"one-secret-1 [redacted] [redacted]\n"
