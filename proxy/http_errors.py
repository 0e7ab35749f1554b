"""The errors of requests whose head this server refuses, whatever they ask for."""

from __future__ import annotations

from proxy.errors import InvalidRequestError


class UriTooLongError(InvalidRequestError):
    """The request target is too long."""

    status = 414
    code = "uri_too_long"


class UnsupportedEncodingError(InvalidRequestError):
    """The body has a content coding (RFC 9110, 15.5.16: the response says which are understood)."""

    status = 415
    code = "unsupported_content_encoding"


class ExpectationFailedError(InvalidRequestError):
    """`Expect` names something other than `100-continue`."""

    status = 417
    code = "expectation_failed"


class HeadersTooLargeError(InvalidRequestError):
    """A header is too long, or there are too many."""

    status = 431
    code = "request_headers_too_large"


class UnsupportedTransferEncodingError(InvalidRequestError):
    """The body has a transfer coding other than `chunked` (RFC 9112, 6.1)."""

    status = 501
    code = "unsupported_transfer_encoding"


class HttpVersionError(InvalidRequestError):
    """The request's version of HTTP is neither 1.0 nor 1.1."""

    status = 505
    code = "http_version_not_supported"

    def __init__(self) -> None:
        super().__init__("only HTTP/1.1 and HTTP/1.0 are supported, not HTTP/2 or HTTP/3; use an HTTP/1.1 connection")
