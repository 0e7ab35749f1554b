r"""Replaces configured secrets in everything the process sends: error bodies, responses, stream events, headers, log lines.

A secret is found as it is, percent-encoded, and with any of its characters escaped as in JSON (`\/`, `\u0073`).

Most data contains no secret, so a cheap test comes first: each secret has two bytes that are rare in responses, and a search
for a secret starts only if both occur (`required_bytes` does the same for all secrets at once). Escaped characters need a
regular expression, which runs only if the data contains a backslash escape of a character of some secret.
"""

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
"""Characters. Shorter values are ignored, because they would match ordinary text such as `true` or `null`."""

_NOT_IN_UTF8 = 0xFF
_RARITY = {byte: rank for rank, byte in enumerate(b"ZQXJKVWYUGFBHPMLDNRSCTOAIE%@+=!zqjxkvw/0987654321bygpf")}
"""Byte -> rank, roughly from the rarest in responses to the most frequent."""
_MASKED_KEY = re.compile(rb"(?<![\w/+=-])[\w/+=-]*+\*{3,}[\w/+=*.-]*")


def is_distinct(text: str) -> bool:
    """Return whether a text is too unusual to occur in a response by chance, unlike the placeholder key `ollama`."""
    return len(text) >= 16 or (len(text) >= 8 and any(map(str.isdigit, text)))


class Redactor:
    """Replaces each secret by `[redacted]`. `weak` secrets, which may occur by chance, are replaced only in errors."""

    def __init__(self, secrets: Iterable[str], weak: Iterable[str] = ()) -> None:
        self.secrets = frozenset(secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH)
        self.weak = frozenset(secret for secret in weak if len(secret) >= MIN_SECRET_LENGTH) - self.secrets
        self._strong = _SecretMatcher(self.secrets)
        self._weak = _SecretMatcher(self.weak)
        self.redact_answer: Callable[[bytes], bytes] = self._redact_answer if self.weak else self._strong.redact
        """Returns a body, or complete lines of a stream, without secrets. Weak ones are replaced only if it contains an error."""
        self.required_bytes = _bytes_in_all([*self._strong.forms, *self._weak.forms])
        """Two bytes that every secret contains: data that lacks one of them contains no secret, unless it has a backslash."""

    def redact_error(self, body: bytes) -> bytes:
        """Return an error body without secrets, weak ones included."""
        return self._weak.redact(self._strong.redact(body))

    def _redact_answer(self, data: bytes) -> bytes:
        data = self._strong.redact(data)
        clean = self._weak.redact(data)
        return clean if clean is not data and data.find(b"error") >= 0 else data

    def redact_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the headers without secrets in their values."""
        values = "\n".join(headers.values()).encode("utf-8", "surrogateescape")
        if self._strong.redact(values) is values:
            return headers
        return {name: self.redact_text(value) for name, value in headers.items()}

    def redact_text(self, text: str) -> str:
        """Return a text without secrets. Weak ones stay."""
        return self._strong.redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def redact_masked_keys(body: bytes) -> bytes:
    """Return the error body of a rejected key without the parts of the key that the vendor quotes: `sk-ab***yz`."""
    return _MASKED_KEY.sub(REDACTED, body)


class RedactingTransform:
    """Redacts a stream, line by line, before another transform reads it. An incomplete line waits for its end."""

    def __init__(self, redactor: Redactor, inner: StreamTransform) -> None:
        self._redact = redactor.redact_answer
        self._first_byte, self._second_byte = redactor.required_bytes
        self._inner = inner
        self._feed = inner.feed
        self._held = bytearray()
        """The beginning of a line. It grows in place, so a line in many small pieces takes no longer than in one."""

    def feed(self, data: bytes) -> bytes:
        """Return the inner transform's output for the lines that `data` completes."""
        held = self._held
        # Events are translated only when complete, so waiting for line ends delays none. Most reads end with an event.
        if data.endswith(b"\n") and not held:
            # Fast path: searching for a byte is many times faster than for a string.
            suspicious = data.find(b"\\") >= 0 or (self._first_byte in data and self._second_byte in data)
            return self._feed(self._redact(data) if suspicious else data)
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not end and len(held) <= MAX_EVENT_BYTES:
            held += data
            return b""
        end = end or len(data)
        held += data[:end]
        lines = bytes(held)
        held.clear()
        held += data[end:]
        return self._feed(self._redact(lines))

    def end(self) -> bytes:
        """Return the inner transform's output for an incomplete last line, and for its end."""
        rest = bytes(self._held)
        self._held.clear()
        return (self._feed(self._redact(rest)) if rest else b"") + self._inner.end()


class RedactingBytes:
    """Redacts bytes that have no lines. What could be the beginning of a secret waits for the bytes after it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor.redact_answer
        self._kept_bytes = max(
            (len(secret.encode("utf-8", "surrogateescape")) for secret in redactor.secrets), default=0
        )
        self._kept_bytes *= _LONGEST_FORM
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return all but the last bytes, without secrets."""
        data = self._redact(self._held + data)
        at = max(0, len(data) - self._kept_bytes)
        self._held = data[at:]
        return data[:at]

    def end(self) -> bytes:
        """Return the last bytes."""
        held, self._held = self._held, b""
        return held


_LONGEST_FORM = 6
"""Bytes of an escaped character of a secret: `\\u0073`."""


class LogRedactor:
    """Redacts the secrets of the latest configuration files in log lines."""

    def __init__(self, files: int = 4) -> None:
        self._files: deque[frozenset[str]] = deque(maxlen=files)
        self._redactor = Redactor(())

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Add the secrets of one file. Those of earlier files stay, because requests that use them may be in flight."""
        new_secrets = frozenset(secrets)
        if new_secrets not in self._files:
            self._files.append(new_secrets)
            self._redactor = Redactor(frozenset().union(*self._files))

    def __call__(self, line: bytes) -> bytes:
        """Return the line without secrets."""
        return self._redactor.redact_answer(line)


class _SecretMatcher:
    """Finds a set of secrets in all their encodings."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)  # longest first: one may be part of another
        forms = [form for secret in self._secrets for form in (secret, *_url_encodings(secret))]
        self.forms = [form.encode("utf-8", "surrogateescape") for form in dict.fromkeys(forms)]
        self._searches = [(_rarest_two(form), form[: 2 * MIN_SECRET_LENGTH], form) for form in self.forms]
        self._escaped_marks = [mark for mark in '"\\/' if any(mark in secret for secret in self._secrets)]

    def redact(self, data: bytes) -> bytes:
        """Return the data without secrets, the same object if it contains none."""
        if data.find(b"\\") >= 0 and self._secrets and (self._escaped_marks or data.find(b"\\u00") >= 0):
            data = self._redact_escaped(data)  # first: a plain search could match half of an escaped backslash
        for (first, second), start, form in self._searches:
            # Only the start: setting up a search takes time in proportion to the length of the searched string.
            if first in data and second in data and start in data:
                data = data.replace(form, REDACTED)
        return data

    def _redact_escaped(self, data: bytes) -> bytes:
        """Replace secrets with escaped characters. Rare: encoders hardly ever escape the characters of keys."""
        return self._secret_pattern.sub(REDACTED, data) if self._escape_pattern.search(data) else data

    @cached_property
    def _escape_pattern(self) -> re.Pattern[bytes]:
        """Matches an escape of any character that occurs in a secret."""
        codes: dict[str, str] = {}
        for char in sorted({char for secret in self._secrets for char in secret if char.isascii()}):
            code = f"{ord(char):02x}"
            codes[code[0]] = codes.get(code[0], "") + code[1] + code[1].upper()
        alternatives = [
            f"u00(?:{'|'.join(f'{high}[{low}]' for high, low in codes.items())})",
            *map(re.escape, self._escaped_marks),
        ]
        return re.compile(rf"\\(?:{'|'.join(alternatives)})".encode())

    @cached_property
    def _secret_pattern(self) -> re.Pattern[bytes]:
        """Matches a secret whose characters may be escaped, with any number of backslashes, as in JSON within JSON.

        Linear time: quantifiers are possessive, and a match starts at the first of consecutive backslashes.
        """
        alternatives = ("".join(map(_char_pattern, secret)) for secret in self._secrets)
        return re.compile(rb"(?<!\\)(?:" + "|".join(alternatives).encode("utf-8", "surrogateescape") + rb")")


def _rarest_two(candidates: Iterable[int]) -> tuple[int, int]:
    """Return the two bytes that are rarest in responses, or the same one twice if there is only one."""
    ranked = sorted(set(candidates), key=lambda byte: _RARITY.get(byte, len(_RARITY)))
    return ranked[0], ranked[min(1, len(ranked) - 1)]


def _bytes_in_all(forms: list[bytes]) -> tuple[int, int]:
    if not forms:
        return _NOT_IN_UTF8, _NOT_IN_UTF8
    shared = set(forms[0]).intersection(*forms[1:])
    return _rarest_two(shared or b"\n")  # every line has a line end


def _url_encodings(secret: str) -> tuple[str, str]:
    return quote(secret, safe="", errors="surrogateescape"), quote_plus(secret, errors="surrogateescape")


def _char_pattern(char: str) -> str:
    code = f"(?i:u{ord(char):04x})"
    return rf"\\*+{code}?+" if char == "\\" else rf"\\*+(?:{re.escape(char)}|{code})"
