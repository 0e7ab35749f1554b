"""Texts of routing.yaml that become part of requests. What HTTP or JSON cannot carry is an error when the file is loaded."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_HOST = r'[^\u0000-\u0020\u007f"<>\\^`{|}/?#@]+'
PLAIN_TEXT = rf"^[^{_CONTROL}]*$"


def matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a JSON Schema `pattern`, in which `$` is the very end of the text.

    In Python `$` matches before a last line break too.
    """
    return re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), text) is not None


class Text(str):
    """A text that a header, JSON and, encoded, a URL can carry. Loaded as `str`."""

    expected = "text without line breaks and other control characters"
    schema = {"type": "string", "pattern": PLAIN_TEXT}

    @classmethod
    def parse(cls, text: str) -> str:
        """Check a text. Raises ValueError if it contains control characters, or bytes that are not UTF-8."""
        if not matches(cls.schema["pattern"], text) or not is_unicode(text):
            raise ValueError
        return text


class HeaderName(Text):
    """The name of a header (RFC 9110, 5.1)."""

    expected = "a header name, of letters, digits and !#$%&'*+.^_`|~-"
    schema = {"type": "string", "pattern": r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"}


class RequestPath(Text):
    """A path below a base URL. It may have a query."""

    expected = "a path such as /v1/chat, without spaces and unencoded characters"
    schema = {"type": "string", "pattern": r'^/[!"$-~]*$'}


class BaseUrl(Text):
    """The URL that paths are appended to. A host in other letters than ASCII is sent as its IDNA form."""

    expected = "an http:// or https:// URL without credentials, query, fragment and unencoded characters"
    schema = {"type": "string", "pattern": rf'^https?://{_HOST}(/[!"$->@-~]*)?$'}

    @classmethod
    def parse(cls, text: str) -> str:
        """Check a URL. Raises ValueError for one that has an invalid host or port, too."""
        parts = urlsplit(super().parse(text))
        if not parts.hostname or parts.port == 0:  # `port` raises ValueError if it is not one
            raise ValueError
        parts.hostname.encode("idna")
        return text


def is_unicode(text: str) -> bool:
    """Return whether a text has no halves of surrogate pairs, as bytes of a variable become that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
