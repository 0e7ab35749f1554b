"""The record of one request and of the attempts made for it: data, no behaviour of the request path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec import field as factory

from proxy.config.key_pool import PoolKey
from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.config.snapshot import Snapshot
from proxy.dialects.contract import ProviderRequest
from proxy.errors import ParrotError
from proxy.file_fetches import FileFetches
from proxy.ingress import find_format, guess_format
from proxy.ingress.client_format import ClientFormat, FromHub, HubRequest
from proxy.ingress.multipart import Form, form_members
from proxy.ingress.resources import Resource
from proxy.memory_account import UNLIMITED, MemoryAccount
from proxy.messages import CompletionState, Request, Response
from proxy.resilience.breakers import AttemptPermit
from proxy.resilience.rate_limits import NOT_LIMITED, Reservation
from proxy.resilience.resume import Prefix
from proxy.resilience.silence import Silence
from proxy.routing.decision import Decision, PlannedTarget
from proxy.routing.dry_run import explanation
from proxy.routing.facts import Facts, held_bytes, parse_json_object, parsed_bytes
from proxy.routing.policy import Policy
from proxy.routing.usage_cost import usage_usd
from proxy.runtime import Runtime
from proxy.state.responses import Continuation
from proxy.telemetry.observations import AttemptRecorder
from proxy.upload import Upload


class Identity(Struct, frozen=True):
    """The key that a request came with."""

    name: str | None = None
    """None without a key."""
    policy: PolicyWords = NO_POLICY
    """Routing options of all requests with the key."""


ANONYMOUS = Identity()


class Exchange(Struct, eq=False):
    """One request, from its head to its last byte. Each phase of the pipeline adds what it finds out."""

    id: str
    request: Request
    snapshot: Snapshot
    runtime: Runtime
    started: float
    """When its head was complete, by the runtime's clock."""
    endpoint: str = ""
    """The endpoint's name in the dialects, such as `chat`. Empty for the sidecar's own endpoints."""
    path_members: Mapping[str, Any] = {}
    """The members that the path has in place of the body, such as `model`."""
    identity: Identity = ANONYMOUS
    """Whose request it is."""
    authenticate_later: Callable[[str], str | None] | None = None
    """Returns the name of a key. Set where a websocket may send its key in its first message."""
    over_unix: bool = False
    """Whether it came over a unix socket, to which no name can be rebound."""
    is_public: bool = False
    """Whether its path is served without a key."""
    cors_headers: Mapping[str, str] = {}
    """Headers of its response by which a browser lets a web page of another origin read it."""
    local_handler: LocalHandler | None = None
    """What answers it, for one of the sidecar's own endpoints."""
    reserve: Callable[[Exchange, int], None] | None = None
    """Counts bytes of the body before they are kept. Raises where they are over a limit."""
    is_admitted: bool = False
    """Whether it counts as in flight. `limits` sets it once the body is complete."""
    control_headers: Mapping[str, str] = {}
    policy: Policy = Policy()
    memory: MemoryAccount = UNLIMITED
    """Counts what it holds in memory."""
    body_bytes: int = 0
    """Bytes of its body that have arrived."""
    max_values: int = 200_000
    """JSON values that its body may have."""
    resource: Resource | None = None
    """What it is about, if that is something that providers keep."""
    boundary: bytes = b""
    """That of its body, if that is a form, which is not kept. Empty for any other body."""
    max_form_bytes: int = 32 * 2**20
    """Of a form that may be kept until its model is known."""
    form: Form | None = None
    """What is known of the form once it can be routed."""
    upload: Upload | None = None
    """The rest of the form on its way to a provider."""
    raw: bytes = b""
    """The body as it came. Empty once no attempt can need it."""
    hub: HubRequest | None = None
    """The body in the hub's format, if its own is another. Kept as long as the parsed body."""
    echo: Mapping[str, Any] = {}
    """The members of the body that a translated answer repeats."""
    from_hub: FromHub | None = None
    """What translates or observes the stream that has begun, None where its events pass as they are."""
    continuation: Continuation | None = None
    """Set where the client API has ids of responses."""
    facts: Facts = Facts()
    file_fetches: FileFetches | None = None
    """The images and files that are fetched for it. None as long as there are none."""
    decision: Decision = Decision()
    attempts: list[Attempt] = []
    """In the order in which they started, without those that were discarded because nothing was sent."""
    winning_attempt: Attempt | None = None
    """The attempt whose answer the caller gets. None until one has content. Set by `attempts.outcomes` alone."""
    warnings: list[str] = []
    headers_sent_early: bool = False
    """The caller got its response headers before any provider had answered, so they name none."""
    upstream_wait_s: float = 0.0
    """Seconds spent waiting for providers before the response's headers went out."""
    upstream_waits: int = 0
    """Waits for providers that go on."""
    upstream_wait_started: float = 0.0
    """When the first of them began."""
    overhead_ms: float | None = None
    """Milliseconds from the start to the response's headers, less `upstream_wait_s`."""
    first_content_at: float | None = None
    status: int = 0
    """Status of the response, 0 if there was none."""
    outcome: str = ""
    """How it ended, for logs and metrics. Set once, at its end."""
    _members: dict[str, Any] | None = None
    """The body as parsed."""
    _members_bytes: int = 0

    @property
    def body(self) -> Mapping[str, Any]:
        """The body as parsed. It is parsed when it is needed, and again after `forget_members`.

        Raises InvalidRequestError if it is not a JSON object or has more than `max_values` values, and OverloadedError.
        """
        if self._members is None:
            if size := parsed_bytes(self.raw, self.max_values):
                self.memory.hold(size)
                self._members_bytes = size
            raw = b"{}" if self.resource is not None and not self.raw else self.raw
            self._members = parse_json_object(raw) if self.form is None else form_members(self.form.fields)
            if self.path_members:
                self._members.update(self.path_members)
        return self._members

    def keep_hub(self, hub: HubRequest) -> None:
        """Keep the body in the hub's format, which takes as much memory as the parsed one. Raises OverloadedError."""
        if self._members_bytes:
            self.memory.hold(self._members_bytes)
            self._members_bytes *= 2
            if hub.echo and not self.echo:  # kept until the request ends
                self.memory.hold(held_bytes(hub.echo))
        self.hub, self.echo = hub, self.echo or hub.echo

    def forget_members(self) -> None:
        """Free the parsed body, which can take many times the memory of its text."""
        self._members = self.hub = None
        if self._members_bytes:
            self.memory.release(self._members_bytes)
            self._members_bytes = 0

    def forget_body(self) -> None:
        """Free the body, because no further attempt can need it."""
        self.forget_members()
        if self.raw:
            self.raw = b""
            self.memory.release(self.body_bytes)
        if self.file_fetches is not None:
            self.file_fetches.forget()

    def __repr__(self) -> str:
        return f"Exchange({self.id})"  # it holds the request

    @property
    def client_format(self) -> ClientFormat:
        """The format that the caller speaks."""
        return find_format(self.endpoint) if self.endpoint else guess_format(self.request)

    def error_event(self, error: ParrotError) -> bytes:
        """Return the event that ends the caller's stream, in whatever state it is."""
        return (self.client_format.error_event if self.from_hub is None else self.from_hub.fail)(error)

    def begin_upstream_wait(self, now: float) -> None:
        """Start to count time as spent by a provider. Waits may overlap."""
        if not self.upstream_waits:
            self.upstream_wait_started = now
        self.upstream_waits += 1

    def end_upstream_wait(self, now: float) -> None:
        """End one of the waits."""
        self.upstream_waits -= 1
        if not self.upstream_waits:
            self.upstream_wait_s += now - self.upstream_wait_started

    def total_cost(self) -> float | None:
        """Return the USD of all attempts as far as known. None while the winning attempt's cost is not."""
        if self.winning_attempt is None or self.winning_attempt.completion.usage is None:
            return None
        cost = self.winning_attempt.cost()
        if cost is None or len(self.attempts) == 1:
            return cost
        return sum([attempt.cost() or 0.0 for attempt in self.attempts])

    def explain(self) -> dict[str, Any]:
        """Return the decision and the attempts so far as a value for JSON."""
        attempts = [attempt.as_json() for attempt in self.attempts]
        return {**explanation(self.decision, self.policy, self.id), "attempts": attempts}

    def release(self) -> None:
        """Break the Exchange <-> Attempt reference cycle, so that both are freed by refcount rather than by the GC."""
        self.winning_attempt, self.attempts = None, []
        for held in (self.file_fetches, self.upload):
            if held is not None:
                held.forget()


class Attempt(Struct, eq=False):
    """One try at one target."""

    exchange: Exchange
    step: PlannedTarget
    started: float
    recorder: AttemptRecorder
    """Records what telemetry observes of it."""
    permit: AttemptPermit | None = None
    """The breaker's permit for it."""
    reservation: Reservation = NOT_LIMITED
    """What it holds of the configured limits."""
    key: PoolKey | None = None
    """The key of its provider's pool that it is made with, None where there is no pool."""
    silence: Silence = factory(default_factory=Silence)
    """What is known of how long its target may be silent."""
    hedge: bool = False
    """Whether it is a hedge."""
    first_content_at: float | None = None
    """When its first content had arrived."""
    prefix: Prefix | None = None
    """The beginning of the answer that it is to continue. None for an attempt that answers from the start."""
    first_content_timeout_s: float | None = None
    """Seconds it has for its first content, if fewer than its target's own timeout."""
    is_last: bool = False
    """Whether no other target may follow if it fails."""
    endpoint: str = "chat"
    """The endpoint of its target's dialect."""
    content_type: str = ""
    """Of an answer that passes as bytes. Empty if its answer is JSON, or a stream of events."""
    is_translated: bool = False
    """Whether it is made in the hub's format, because its target does not speak the caller's."""
    is_part: bool = False
    """Whether it is one of several requests that are sent for one attempt, whose answers are joined."""
    provider_request: ProviderRequest = ProviderRequest()
    """The request in the target's own format."""
    headers: Mapping[str, str] = {}
    """The headers of its response in lower case, without secrets."""
    completion: CompletionState = factory(default_factory=CompletionState)
    local_failure: ParrotError | None = None
    """Why the translation of its stream ended, where that is the sidecar's own limit and no fault of the target."""
    outcome: str | None = None
    status: int | None = None
    ended: float | None = None
    _priced: Mapping[str, Any] | None = None
    """The usage that `usd` was computed from."""
    usd: float | None = None

    def __repr__(self) -> str:
        return f"Attempt({self.step.target.id})"

    def cost(self) -> float | None:
        """Return the USD of its answer, or None while its usage or the price is unknown."""
        usage = self.completion.usage
        if usage is not None and usage is not self._priced:
            self._priced, self.usd = usage, usage_usd(self.step.target, usage)
        return self.usd

    def as_json(self) -> dict[str, Any]:
        """Return what the caller may know of it, as a value for JSON."""
        target, outcome, status = self.step.target, self.outcome, self.status
        if outcome is None and self is self.exchange.winning_attempt:
            outcome = "ok"  # its answer is under way without an error
        if outcome == "ok":
            status = 200
        ended = self.exchange.runtime.clock() if self.ended is None else self.ended
        return {
            "provider": target.provider.name,
            "model": target.model,
            "region": target.region,
            "outcome": outcome,
            "status": status,
            "ms": round((ended - self.started) * 1000, 1),
            **({"key": self.key.label} if self.key else {}),
        }


LocalHandler = Callable[[Exchange], Response | Awaitable[Response]]
"""Answers a request to one of the sidecar's own endpoints, at once or as a coroutine. Raises ParrotError."""
