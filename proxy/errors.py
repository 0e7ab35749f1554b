"""What can go wrong: each error knows its HTTP status, its OpenAI type and code, and its outcome word."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

import orjson

EXHAUSTION_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""System errors for want of descriptors or memory: they say nothing of a file or of a provider."""


class ParrotError(Exception):
    """An answer other than the one asked for, in the shape of OpenAI's error envelope."""

    status = 500
    type = "server_error"
    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        # A header that is not UTF-8 comes with surrogates, which JSON cannot hold.
        self.message = message.encode("utf-8", "replace").decode()
        self.param = param
        self.code = code or type(self).code
        self.headers = dict(headers or {})
        self.extra: dict[str, Any] = {}
        """Stands beside `error` in the body."""

    @property
    def outcome(self) -> str:
        """The word for the log and the metrics."""
        return self.code

    def members(self) -> dict[str, Any]:
        """What stands under `error` in the body."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}

    def body(self) -> bytes:
        """The whole envelope as JSON."""
        return orjson.dumps({"error": self.members(), **self.extra})


class InvalidRequestError(ParrotError):
    """The request cannot be understood as it stands."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class InvalidHeaderError(InvalidRequestError):
    """A header, or its twin in the body's `routing`, has a value it may not have."""

    code = "invalid_header"


class NoEligibleProviderError(InvalidRequestError):
    """The model is known, but nobody may serve this request."""

    code = "no_eligible_provider"


class AuthenticationError(ParrotError):
    """No key, or one that is not known here."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class ForbiddenError(ParrotError):
    """The caller is not one this listener serves."""

    status = 403
    type = "invalid_request_error"
    code = "forbidden"


class NotFoundError(ParrotError):
    """Nothing stands at this path."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFoundError(NotFoundError):
    """No entry of the routing table has this name."""

    code = "model_not_found"


class MethodNotAllowedError(ParrotError):
    """The path is right, the method is not."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeoutError(ParrotError):
    """The client took too long to send its body."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class RequestTooLargeError(ParrotError):
    """The body is over the limit."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class OverloadedError(ParrotError):
    """The sidecar itself is full; its providers may be fine."""

    status = 503
    code = "sidecar_overloaded"


class ResourceExhaustedError(OverloadedError):
    """This process or machine is out of descriptors, memory or ports; another provider would fare no better."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, headers={"Retry-After": "1"})


class UpstreamError(ParrotError):
    """One attempt ended without an answer; `trigger` is the class that failover rules name."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"
    trigger = "server_error"
    is_local = False
    """Whether this machine or its network is at fault, so that it says nothing of the target."""

    @property
    def upstream_status(self) -> int | None:
        """The HTTP status the provider answered, if it answered."""
        return None


class ConnectError(UpstreamError):
    """No connection could be made: nothing was sent."""

    code = "connection_error"
    trigger = "connection_error"


class EgressError(ConnectError):
    """This machine has no way to the provider: no route, or a forward proxy that does not let it through."""

    code = "egress_failed"
    is_local = True


class UpstreamDisconnected(UpstreamError):
    """The provider closed or reset the connection before the answer was whole."""

    code = "upstream_disconnected"
    trigger = "connection_error"


class UpstreamTimeout(UpstreamError):
    """The provider took longer than its deadline; the message names which."""

    status = 504
    code = "upstream_timeout"
    trigger = "timeout"


class MalformedResponse(UpstreamError):
    """The provider said 200, but what came is no answer."""

    code = "upstream_malformed_output"


class UpstreamErrorResponse(UpstreamError):
    """The provider answered with an error, already put into OpenAI's words by its dialect."""

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
        self._members = dict(members)
        self._body = body

    @property
    def outcome(self) -> str:
        return self.trigger

    @property
    def upstream_status(self) -> int | None:
        return self.status

    def members(self) -> dict[str, Any]:
        return self._members

    def body(self) -> bytes:
        """The provider's own bytes where they are OpenAI's envelope already, else ours."""
        if self._body is None:
            return super().body()
        return self._body.rstrip()[:-1] + b"," + orjson.dumps(self.extra)[1:] if self.extra else self._body


class AllProvidersFailedError(ParrotError):
    """Every attempt the plan and the limits allowed has failed."""

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
        return {**super().members(), "attempts": self.attempts}
