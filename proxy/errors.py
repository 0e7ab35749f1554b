"""The errors of the sidecar, each with its HTTP status and its `type` and `code` in OpenAI's error format.

`ParrotError` is the base class. `UpstreamError` and its subclasses are failures of one attempt. Their `trigger` is the class
of failure that failover rules refer to.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

import orjson

EXHAUSTION_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""Errors of this machine: out of file descriptors or memory. They are not evidence against a file or a provider."""


class ParrotError(Exception):
    """Base class: an error that is sent to the caller as `{"error": {"message", "type", "param", "code"}}`.

    `param` is the invalid parameter or header, `code` replaces the class's code, `headers` are added to the response.
    """

    status = 500
    type = "server_error"
    code = "internal_error"
    request_id: str | None = None
    """The id of the request that it answers, which some formats show. Set when it is sent."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        # Headers that are not UTF-8 contain surrogates, which JSON cannot represent.
        self.message = message.encode("utf-8", "replace").decode()
        self.param = param
        self.code = code or type(self).code
        self.headers = dict(headers or {})
        self.extra: dict[str, Any] = {}
        """Further top-level members of the body, next to `error`."""

    @property
    def outcome(self) -> str:
        """The outcome recorded in logs and metrics."""
        return self.code

    def members(self) -> dict[str, Any]:
        """Return the members of `error` in the body."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}

    def body(self) -> bytes:
        """Return the response body as JSON."""
        return orjson.dumps({"error": self.members(), **self.extra})


class InvalidRequestError(ParrotError):
    """The request is invalid."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class InvalidHeaderError(InvalidRequestError):
    """A header, or the same member of the body's `routing`, has an invalid value."""

    code = "invalid_header"


class NoEligibleProviderError(InvalidRequestError):
    """The model exists, but no provider may serve this request."""

    code = "no_eligible_provider"


class AuthenticationError(ParrotError):
    """The API key is missing or unknown."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class ForbiddenError(ParrotError):
    """This listener does not serve the caller."""

    status = 403
    type = "invalid_request_error"
    code = "forbidden"


class NotFoundError(ParrotError):
    """The path is unknown."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFoundError(NotFoundError):
    """The routing table has no entry for this model."""

    code = "model_not_found"


class MethodNotAllowedError(ParrotError):
    """The path exists, but does not support the method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeoutError(ParrotError):
    """The client took too long to send the request body."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class RequestTooLargeError(ParrotError):
    """The request body exceeds the limit."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class LimitReachedError(ParrotError):
    """Every target that is left is at a limit that routing.yaml sets for its provider. `Retry-After` says for how long."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class OverloadedError(ParrotError):
    """The sidecar is at its own limit, regardless of the providers."""

    status = 503
    code = "sidecar_overloaded"


class ResourceExhaustedError(OverloadedError):
    """This process or machine is out of file descriptors, memory or ports, so no other provider is tried."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, headers={"Retry-After": "1"})


class ResponseTooLargeError(ParrotError):
    """An answer exceeds a size limit of the sidecar, which is no fault of the provider. No other target is tried."""

    status = 502
    code = "response_too_large"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, headers={"x-should-retry": "false"})


class UpstreamError(ParrotError):
    """One attempt failed. `trigger` is the class of failure that failover rules refer to."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"
    trigger = "server_error"
    is_local = False
    """Whether the cause is this machine, its network or the caller, so that the failure does not count against the target."""

    @property
    def upstream_status(self) -> int | None:
        """The HTTP status of the provider's response, or None without a response."""
        return None


class ConnectError(UpstreamError):
    """The connection failed, so nothing was sent."""

    code = "connection_error"
    trigger = "connection_error"


class EgressError(ConnectError):
    """This machine cannot reach the provider: no route, or a forward proxy that rejects the connection."""

    code = "egress_failed"
    is_local = True


class UpstreamDisconnected(UpstreamError):  # noqa: N818
    """The provider closed or reset the connection before the response was complete."""

    code = "upstream_disconnected"
    trigger = "connection_error"
    is_late = False
    """Whether it took so long that another target is tried before this one again."""


class UpstreamTimeout(UpstreamError):  # noqa: N818
    """The provider exceeded a timeout. The message names which."""

    status = 504
    code = "upstream_timeout"
    trigger = "timeout"


class CallerTimeout(UpstreamTimeout):
    """The provider exceeded a limit that the caller set for this attempt, shorter than the target's own timeout."""

    is_local = True


class MalformedResponse(UpstreamError):  # noqa: N818
    """The provider answered 200 with an invalid body."""

    code = "upstream_malformed_output"


class UpstreamErrorResponse(UpstreamError):  # noqa: N818
    """The provider answered with an error, which its dialect has translated.

    `members` are those of `error` in the body. `body` is the original body if it is in OpenAI's format already.
    """

    def __init__(
        self,
        status: int,
        members: Mapping[str, Any],
        *,
        trigger: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        super().__init__(str(members.get("message")), param=members.get("param"), headers=headers)
        self.status = status
        self.type = str(members.get("type") or "upstream_error")
        self.code = str(members.get("code") or self.type)
        self.trigger = trigger
        self.refused_param: str | None = None
        """The parameter that another target may take, if that is what a 400 is about."""
        self.refused_member: tuple[str, bool] | None = None
        """That parameter and whether the sidecar had added it, if this model refuses it of every request."""
        self.avoidable_param: str | None = None
        """The member of the request that the same target may do without, if that is what the error is about."""
        self._members = dict(members)
        self._body = body

    @property
    def outcome(self) -> str:
        """The trigger: a provider's codes are too many for logs and metrics."""
        return self.trigger

    @property
    def upstream_status(self) -> int | None:
        """The HTTP status shown to the caller."""
        return self.status

    def members(self) -> dict[str, Any]:
        """Return the members of `error` in the body."""
        return self._members

    def body(self) -> bytes:
        """Return the provider's original body if there is one, otherwise one built from `members`."""
        if self._body is None:
            return super().body()
        return self._body.rstrip()[:-1] + b"," + orjson.dumps(self.extra)[1:] if self.extra else self._body


class AllProvidersFailedError(ParrotError):
    """Every allowed attempt has failed. The body lists them under `attempts`."""

    status = 502
    type = "upstream_error"
    code = "all_providers_failed"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        attempts: list[dict[str, Any]],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(message, code=code, headers=headers)
        self.status = status
        self.attempts = attempts

    def members(self) -> dict[str, Any]:
        """Return the members of `error` in the body, with the attempts."""
        return {**super().members(), "attempts": self.attempts}
