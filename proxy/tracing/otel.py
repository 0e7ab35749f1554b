"""Spans of requests and attempts, sent from a thread of their own; the only file that knows OpenTelemetry."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread

from msgspec.structs import replace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import FilteringBoundLogger

from proxy import __version__
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Response
from proxy.tracing import attributes
from proxy.tracing.attributes import Attributes

FLUSH_TIMEOUT_S = 2.0
"""Seconds that a sidecar which stops waits for the collector."""
_UNTRACED_PREFIX = "/v1/providers/"
"""Where dashboards and probes look every few seconds."""
_W3C = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class RequestTrace:
    """The spans of one request."""

    span: Span
    context: Context
    """That makes a span its child."""
    offset_s: float
    """Seconds from the runtime' clock to 1970's."""
    attempts: list[tuple[Attempt, Span]] = field(default_factory=list)

    def to_unix_ns(self, moment: float) -> int:
        """A moment of the runtime' clock, in nanoseconds since 1970."""
        return int((moment + self.offset_s) * 1e9)


@dataclass(frozen=True, slots=True)
class OtelTracing:
    """Makes spans of what an Exchange and its Attempts say of themselves at the end."""

    provider: TracerProvider
    exporter: SpanExporter
    sdk_log: SdkLogHandler
    tracer: Tracer
    _open: dict[Exchange, RequestTrace] = field(default_factory=dict)

    async def trace_request(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        """Makes the request's span, a child of its caller's if it names one."""
        if not exchange.request.path.startswith(_UNTRACED_PREFIX):
            self._start_request(exchange)
        return await handler(exchange)

    async def trace_attempt(self, attempt: Attempt, handler: Handler[Attempt]) -> Response:
        """Makes the attempt's span, and the provider's trace its child."""
        trace = self._open.get(attempt.exchange)
        if trace is not None:
            span = self._start_attempt(attempt, trace)
            headers = dict(attempt.provider_request.headers)
            _W3C.inject(headers, set_span_in_context(span, Context()))
            attempt.provider_request = replace(attempt.provider_request, headers=headers)
        return await handler(attempt)

    async def close(self) -> None:
        """Sends what is left, in FLUSH seconds at most."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # from now on it cannot be cancelled, whoever stops waiting
        Thread(target=self._shut_down, args=(done,), daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await asyncio.wrap_future(done)
        except TimeoutError:
            self.exporter.shutdown()  # the thread ends with what it is at; nothing waits for it
        self.sdk_log.close()

    def _shut_down(self, done: Future[None]) -> None:
        self.provider.shutdown()
        done.set_result(None)

    def _start_request(self, exchange: Exchange) -> None:
        offset = exchange.runtime.wall() - exchange.runtime.clock()
        span = self.tracer.start_span(
            exchange.request.method,
            context=_W3C.extract(exchange.request.headers),
            kind=SpanKind.SERVER,
            attributes=attributes.request_start(exchange),
            start_time=int((exchange.started + offset) * 1e9),
        )
        if span.is_recording():  # else it is not sampled: the caller's own headers go on as they came
            self._open[exchange] = RequestTrace(span, set_span_in_context(span, Context()), offset)
            exchange.on_close(self._end)

    def _start_attempt(self, attempt: Attempt, trace: RequestTrace) -> Span:
        span = self.tracer.start_span(
            attributes.attempt_name(attempt),
            context=trace.context,
            kind=SpanKind.CLIENT,
            attributes=attributes.attempt_start(attempt, len(trace.attempts) + 1),
            start_time=trace.to_unix_ns(attempt.started),
        )
        trace.attempts.append((attempt, span))
        return span

    def _end(self, exchange: Exchange) -> None:
        """Asked for first, so called last: by then every attempt has its outcome."""
        trace, now = self._open.pop(exchange), exchange.runtime.clock()
        for attempt, span in trace.attempts:
            if attempt in exchange.attempts:  # else it was withdrawn: there was none
                _set_attributes(span, attributes.attempt_end(attempt), wrong=bool(attributes.attempt_error(attempt)))
                span.end(trace.to_unix_ns(now if attempt.ended is None else attempt.ended))
        wrong = bool(attributes.request_error(exchange)) and not attributes.is_client_error(exchange)
        trace.span.update_name(attributes.request_name(exchange))
        _set_attributes(trace.span, attributes.request_end(exchange), wrong=wrong)
        trace.span.end(trace.to_unix_ns(now))


class SdkLogHandler(logging.Handler):
    """What the SDK says of itself, in the sidecar's log: each thing once a minute, and no word of URLs or headers."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._last_logged: dict[str, float] = {}
        logging.getLogger("opentelemetry").addHandler(self)
        logging.getLogger("opentelemetry").propagate = False  # any other handler would write URLs and headers too

    def emit(self, record: logging.LogRecord) -> None:
        """Called by whichever thread has something to say."""
        form = str(record.msg)
        if record.created - self._last_logged.get(form, 0.0) >= 60:
            self._last_logged[form] = record.created
            self._log.warning("trace_export_failed", reason=_reason(record, form))

    def close(self) -> None:
        """Listens no more."""
        logging.getLogger("opentelemetry").removeHandler(self)
        logging.getLogger("opentelemetry").propagate = True
        super().close()


def _reason(record: logging.LogRecord, form: str) -> str:
    """Of exporters in full, but for the exceptions, which quote the URL; of others only what holds no values."""
    if not record.name.startswith("opentelemetry.exporter") or not isinstance(record.args, tuple):
        return form
    return form % tuple(type(each).__name__ if isinstance(each, Exception) else each for each in record.args)


def _set_attributes(span: Span, said: Attributes, *, wrong: bool) -> None:
    span.set_attributes(said)
    if wrong:
        span.set_status(StatusCode.ERROR)


def start(log: FilteringBoundLogger) -> OtelTracing:
    """Traces as the process's OTEL_… variables ask for them. Raises ValueError for a bad one."""
    complaints = SdkLogHandler(log)
    named = {"service.name": "parrot-sidecar", "service.version": __version__}
    resource = Resource.create({**named, **OTELResourceDetector().detect().attributes})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    try:
        exporter = OTLPSpanExporter()
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except ValueError:
        complaints.close()
        raise
    return OtelTracing(provider, exporter, complaints, provider.get_tracer("parrot-sidecar", __version__))
