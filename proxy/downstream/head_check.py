"""Checks the head of a request that was parsed, and puts its target into origin-form."""

from __future__ import annotations

import re

from aiohttp import hdrs
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import InvalidRequestError, MethodNotAllowedError, ParrotError
from proxy.http_errors import ExpectationFailedError, HttpVersionError, UnsupportedTransferEncodingError

_ABSOLUTE = re.compile(r"https?://(?P<authority>[^/?#@]+)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(#.*)?", re.IGNORECASE)
"""An absolute-form target (RFC 9112, 3.2.2). User information in it is refused (RFC 9110, 4.2.4)."""
_ALLOW = {"Allow": "GET, HEAD, POST"}


def check_head(message: RawRequestMessage) -> tuple[RawRequestMessage, ParrotError | None]:
    """Return the message with an origin-form target, and the error that answers it if it is refused.

    Behind a refused message it is unknown what follows, so the connection must be closed.
    """
    version, headers = message.version, message.headers
    is_usual = version == HttpVersion11 and message.path.startswith("/")
    if is_usual and hdrs.TRANSFER_ENCODING not in headers and hdrs.EXPECT not in headers:
        return message, None
    try:
        return _check(message), None
    except HttpVersionError as error:
        return message._replace(version=HttpVersion11), error  # the version of the response
    except ParrotError as error:
        return message, error


def _check(message: RawRequestMessage) -> RawRequestMessage:
    version, headers = message.version, message.headers
    if version != HttpVersion11 and version != HttpVersion10:
        raise HttpVersionError
    if headers.get(hdrs.TRANSFER_ENCODING) is not None:
        _check_transfer_encoding(message)
    if version == HttpVersion11 and hdrs.EXPECT in headers:
        _check_expect(", ".join(headers.getall(hdrs.EXPECT)))
    return message if message.path.startswith("/") else _to_origin_form(message)


def _check_transfer_encoding(message: RawRequestMessage) -> None:
    if message.version == HttpVersion10:
        raise InvalidRequestError("HTTP/1.0 has no Transfer-Encoding (RFC 9112, 6.1)")
    if message.headers[hdrs.TRANSFER_ENCODING].lower() != "chunked":
        raise UnsupportedTransferEncodingError("the only supported Transfer-Encoding is chunked")


def _check_expect(value: str) -> None:
    if {each.strip().lower() for each in value.split(",")} - {"", "100-continue"}:
        raise ExpectationFailedError("the only supported Expect is 100-continue")


def _to_origin_form(message: RawRequestMessage) -> RawRequestMessage:
    """Return a request to an absolute URL as one to its path at this host: the URL's authority replaces Host."""
    if message.method == hdrs.METH_CONNECT:
        raise MethodNotAllowedError("CONNECT is not allowed: this is not a forward proxy", headers=_ALLOW)
    if message.path == "*":
        raise MethodNotAllowedError("OPTIONS * is not allowed; send the request to a path", headers=_ALLOW)
    target = _ABSOLUTE.fullmatch(message.path)
    if target is None:
        raise InvalidRequestError("the request target must be a path or an http URL without user information")
    headers = CIMultiDict(message.headers)
    headers[hdrs.HOST] = target["authority"]
    path = (target["path"] or "/") + (target["query"] or "")
    return message._replace(path=path, headers=CIMultiDictProxy(headers))
