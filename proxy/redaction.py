"""Replaces configured secrets in what leaves the process: error bodies, answers, stream events, headers, log lines.

A secret is found as it is, percent-encoded, and with any of its characters escaped as JSON allows (`\\/`, `\\u0073`)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from urllib.parse import quote, quote_plus

from proxy.messages import StreamTransform
from proxy.sse import MAX_EVENT_BYTES

REDACTED = b"[redacted]"
MIN_SECRET_LENGTH = 6
"""Characters; anything shorter is not looked for: it would be found everywhere, `true` and `null` among it."""

# As numbers: to look for b"\\" in bytes raises and catches a TypeError within Python first.
_BACKSLASH, _LF, _NEVER = 92, 10, 255
"""The last is in no UTF-8."""
_RANKS = {byte: rank for rank, byte in enumerate(b"ZQXJKVWYUGFBHPMLDNRSCTOAIE%@+=!zqjxkvw/0987654321bygpf")}
"""Roughly, the rarest bytes of answers first."""
_MASKED_KEY = re.compile(rb"(?<![\w/+=-])[\w/+=-]*+\*{3,}[\w/+=*.-]*")


def is_distinct(text: str) -> bool:
    """Return whether a text is unlike words that an answer may contain by chance, such as the placeholder `ollama`."""
    return len(text) >= 16 or (len(text) >= 8 and any(map(str.isdigit, text)))


class Redactor:
    """Replaces each secret by `[redacted]`; `weak` ones, which an answer may contain by chance, only in errors."""

    def __init__(self, secrets: Iterable[str], weak: Iterable[str] = ()) -> None:
        self.secrets = frozenset(secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH)
        self.weak = frozenset(secret for secret in weak if len(secret) >= MIN_SECRET_LENGTH) - self.secrets
        self._strong = _SecretMatcher(self.secrets)
        self._weak = _SecretMatcher(self.weak)
        self.redact_answer: Callable[[bytes], bytes] = self._redact_answer if self.weak else self._strong.redact
        """Returns an answer, or whole lines of a stream, without the secrets; with an error in it, without weak ones."""
        self.required_bytes = _bytes_in_all([*self._strong.forms, *self._weak.forms])
        """Two bytes that all secrets have: there is none where one of them is missing, and no backslash is."""

    def redact_error(self, body: bytes) -> bytes:
        """Return the body of an error without any of the secrets."""
        return self._weak.redact(self._strong.redact(body))

    def _redact_answer(self, data: bytes) -> bytes:
        data = self._strong.redact(data)
        clean = self._weak.redact(data)
        return clean if clean is not data and data.find(b"error") >= 0 else data

    def redact_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the headers with no secret in a value."""
        values = "\n".join(headers.values()).encode("utf-8", "surrogateescape")
        if self._strong.redact(values) is values:
            return headers
        return {name: self.redact_text(value) for name, value in headers.items()}

    def redact_text(self, text: str) -> str:
        """Return a text without the secrets, but for weak ones."""
        return self._strong.redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def redact_masked_keys(body: bytes) -> bytes:
    """Return the body of a refused key's error without what the vendor left of the key: `sk-ab***yz`."""
    return _MASKED_KEY.sub(REDACTED, body)


class RedactingTransform:
    """Redacts a stream before another stage reads it; what follows the last line end waits for the rest of its line."""

    def __init__(self, redactor: Redactor, stage: StreamTransform) -> None:
        self._redact = redactor.redact_answer
        self._one, self._two = redactor.required_bytes
        self._stage = stage
        self._feed = stage.feed
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        # An event is passed on only once it is whole, so no event waits longer for this; and nearly all reads end in one.
        if data and data[-1] == _LF and not self._parts:
            # All that is done for most events: a byte is found, or not, many times faster than a text.
            suspicious = _BACKSLASH in data or (self._one in data and self._two in data)
            return self._feed(self._redact(data) if suspicious else data)
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not end and self._size <= MAX_EVENT_BYTES:
            self._keep(data)
            return b""
        lines = b"".join((*self._parts, data[:end] if end else data))
        self._parts, self._size = [], 0
        self._keep(data[end:] if end else b"")
        return self._feed(self._redact(lines))

    def end(self) -> bytes:
        rest = b"".join(self._parts)
        self._parts = []
        return (self._feed(self._redact(rest)) if rest else b"") + self._stage.end()

    def _keep(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self._size += len(part)


class LogRedactor:
    """Redacts the secrets of the latest files in log lines; those of a file that was refused count too."""

    def __init__(self, files: int = 4) -> None:
        self._files: deque[frozenset[str]] = deque(maxlen=files)
        self._redactor = Redactor(())

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Take what one file names from now on; requests of the files before it may still be in flight."""
        known = frozenset(secrets)
        if known not in self._files:
            self._files.append(known)
            self._redactor = Redactor(frozenset().union(*self._files))

    def __call__(self, line: bytes) -> bytes:
        """Return the line without the secrets."""
        return self._redactor.redact_answer(line)


class _SecretMatcher:
    """The forms in which secrets are looked for."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)  # one may be part of another
        forms = [form for secret in self._secrets for form in (secret, *_url_encodings(secret))]
        self.forms = [form.encode("utf-8", "surrogateescape") for form in dict.fromkeys(forms)]
        self._signed = [(_rarest_two(form), form[: 2 * MIN_SECRET_LENGTH], form) for form in self.forms]
        self._marks = [mark for mark in '"\\/' if any(mark in secret for secret in self._secrets)]

    def redact(self, data: bytes) -> bytes:
        """Return the data without the secrets: the same object if there is none in it."""
        if _BACKSLASH in data and self._secrets and (self._marks or data.find(b"\\u00") >= 0):
            data = self._redact_escaped(data)  # before the rest, which would take half of an escaped backslash
        for (one, two), start, form in self._signed:
            # To look for a long text takes time for each of its bytes, wherever it is looked for.
            if one in data and two in data and data.find(start) >= 0:
                data = data.replace(form, REDACTED)
        return data

    def _redact_escaped(self, data: bytes) -> bytes:
        """Replace the secrets that have escaped characters; nearly no encoder escapes what keys consist of."""
        return self._pattern.sub(REDACTED, data) if self._escape.search(data) else data

    @cached_property
    def _escape(self) -> re.Pattern[bytes]:
        """An escape of a character that secrets have."""
        codes: dict[str, str] = {}
        for char in sorted({char for secret in self._secrets for char in secret if char.isascii()}):
            code = f"{ord(char):02x}"
            codes[code[0]] = codes.get(code[0], "") + code[1] + code[1].upper()
        ways = [f"u00(?:{'|'.join(f'{high}[{low}]' for high, low in codes.items())})", *map(re.escape, self._marks)]
        return re.compile(rf"\\(?:{'|'.join(ways)})".encode())

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        """A secret, each character as it is or escaped, with any number of backslashes, as in JSON within JSON.

        Possessive and begun at a run's first backslash, so that none is looked at twice."""
        ways = ("".join(map(_char_pattern, secret)) for secret in self._secrets)
        return re.compile(rb"(?<!\\)(?:" + "|".join(ways).encode("utf-8", "surrogateescape") + rb")")


def _rarest_two(found: Iterable[int]) -> tuple[int, int]:
    """The two bytes that answers have least of; the same twice if there is but one."""
    ranked = sorted(set(found), key=lambda byte: _RANKS.get(byte, len(_RANKS)))
    return ranked[0], ranked[min(1, len(ranked) - 1)]


def _bytes_in_all(forms: list[bytes]) -> tuple[int, int]:
    if not forms:
        return _NEVER, _NEVER
    shared = set(forms[0]).intersection(*forms[1:])
    return _rarest_two(shared or {_LF})  # which every line has


def _url_encodings(secret: str) -> tuple[str, str]:
    return quote(secret, safe="", errors="surrogateescape"), quote_plus(secret, errors="surrogateescape")


def _char_pattern(char: str) -> str:
    code = f"(?i:u{ord(char):04x})"
    return rf"\\*+{code}?+" if char == "\\" else rf"\\*+(?:{re.escape(char)}|{code})"
