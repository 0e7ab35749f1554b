"""OpenTelemetry tracing: one span per request, with a child span per attempt, exported from a background thread.

The only module that imports the OpenTelemetry SDK. The spans get their attributes when the request closes.
"""

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
from proxy.exchange import Attempt, Exchange
from proxy.headers import to_upstream
from proxy.tracing import attributes
from proxy.tracing.attributes import Attributes

FLUSH_TIMEOUT_S = 2.0
"""Time that shutdown waits for the collector."""
_UNTRACED_PREFIX = "/v1/providers/"
"""Requests to these paths have no span: dashboards poll them every few seconds."""
_W3C = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class RequestTrace:
    """The spans of one request."""

    span: Span
    context: Context
    """The parent context of the attempts' spans."""
    offset_s: float
    """Difference between seconds since 1970 and the runtime's clock."""
    attempts: list[tuple[Attempt, Span]] = field(default_factory=list)

    def to_unix_ns(self, time_s: float) -> int:
        """Convert a time of the runtime's clock to nanoseconds since 1970."""
        return int((time_s + self.offset_s) * 1e9)


@dataclass(frozen=True, slots=True)
class OtelTracing:
    """Two middlewares that create the spans, and the SDK objects that export them."""

    provider: TracerProvider
    exporter: SpanExporter
    sdk_log: SdkLogHandler
    tracer: Tracer
    _open: dict[Exchange, RequestTrace] = field(default_factory=dict)

    @property
    def request_middleware(self) -> RequestSpans:
        """The middleware that runs outermost."""
        return RequestSpans(self)

    @property
    def attempt_middleware(self) -> AttemptSpans:
        """The middleware that runs innermost, once per attempt."""
        return AttemptSpans(self)

    def begin_attempt(self, attempt: Attempt) -> None:
        """Start the attempt's span and send it to the provider as `traceparent`."""
        trace = self._open.get(attempt.exchange)
        if trace is not None:
            span = self._start_attempt(attempt, trace)
            headers = dict(attempt.provider_request.headers)
            _W3C.inject(headers, set_span_in_context(span, Context()))
            attempt.provider_request = replace(attempt.provider_request, headers=headers)

    async def close(self) -> None:
        """Export the remaining spans, for FLUSH_TIMEOUT_S at most."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # so that the timeout below does not cancel it
        Thread(target=self._shut_down, args=(done,), daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await asyncio.wrap_future(done)
        except TimeoutError:
            self.exporter.shutdown()  # the daemon thread ends with the export in progress
        self.sdk_log.close()

    def _shut_down(self, done: Future[None]) -> None:
        self.provider.shutdown()
        done.set_result(None)

    def begin_request(self, exchange: Exchange) -> None:
        """Start the request's span, as a child of the span in the client's `traceparent` if there is one."""
        offset = exchange.runtime.wall() - exchange.runtime.clock()
        span = self.tracer.start_span(
            exchange.request.method,
            context=_W3C.extract(to_upstream(exchange.request.headers, ())),
            kind=SpanKind.SERVER,
            attributes=attributes.request_start(exchange),
            start_time=int((exchange.started + offset) * 1e9),
        )
        if span.is_recording():  # else it is not sampled, and the client's trace headers pass unchanged
            self._open[exchange] = RequestTrace(span, set_span_in_context(span, Context()), offset)

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

    def end_request(self, exchange: Exchange) -> None:
        """End the spans of a request and of its attempts."""
        trace, now = self._open.pop(exchange, None), exchange.runtime.clock()
        if trace is None:
            return
        for attempt, span in trace.attempts:
            if attempt in exchange.attempts:  # else it was discarded and does not count as an attempt
                _set_attributes(span, attributes.attempt_end(attempt), is_error=bool(attributes.attempt_error(attempt)))
                span.end(trace.to_unix_ns(now if attempt.ended is None else attempt.ended))
        is_error = bool(attributes.request_error(exchange)) and not attributes.is_client_error(exchange)
        trace.span.update_name(attributes.request_name(exchange))
        _set_attributes(trace.span, attributes.request_end(exchange), is_error=is_error)
        trace.span.end(trace.to_unix_ns(now))


@dataclass(frozen=True, slots=True)
class RequestSpans:
    """Makes a span of each request, as a child of the span in the client's `traceparent` if there is one."""

    tracing: OtelTracing

    def before(self, exchange: Exchange) -> None:
        """Start the request's span."""
        if not exchange.request.path.startswith(_UNTRACED_PREFIX):
            self.tracing.begin_request(exchange)

    def closed(self, exchange: Exchange) -> None:
        """End the spans. Runs after all other middlewares, when every attempt has its outcome."""
        self.tracing.end_request(exchange)


@dataclass(frozen=True, slots=True)
class AttemptSpans:
    """Makes a span of each attempt."""

    tracing: OtelTracing

    def before(self, attempt: Attempt) -> None:
        """Start the attempt's span."""
        self.tracing.begin_attempt(attempt)


class SdkLogHandler(logging.Handler):
    """Forwards the SDK's own warnings to the sidecar's log: each message once a minute, without URLs and headers."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._last_logged: dict[str, float] = {}
        logging.getLogger("opentelemetry").addHandler(self)
        logging.getLogger("opentelemetry").propagate = False  # other handlers would log URLs and headers

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record. May be called in any thread."""
        template = str(record.msg)
        if record.created - self._last_logged.get(template, 0.0) >= 60:
            self._last_logged[template] = record.created
            self._log.warning("trace_export_failed", reason=_reason(record, template))

    def close(self) -> None:
        """Remove the handler."""
        logging.getLogger("opentelemetry").removeHandler(self)
        logging.getLogger("opentelemetry").propagate = True
        super().close()


def _reason(record: logging.LogRecord, template: str) -> str:
    """Return a message without secrets.

    Exporters' messages are complete, but exceptions are reduced to their type, as they quote the URL. Of other modules
    only the message template is returned, without its values.
    """
    if not record.name.startswith("opentelemetry.exporter") or not isinstance(record.args, tuple):
        return template
    return template % tuple(type(each).__name__ if isinstance(each, Exception) else each for each in record.args)


def _set_attributes(span: Span, values: Attributes, *, is_error: bool) -> None:
    span.set_attributes(values)
    if is_error:
        span.set_status(StatusCode.ERROR)


def start(log: FilteringBoundLogger) -> OtelTracing:
    """Set up tracing from the OTEL_… environment variables. Raises ValueError for an invalid one."""
    sdk_log = SdkLogHandler(log)
    service = {"service.name": "parrot-sidecar", "service.version": __version__}
    resource = Resource.create({**service, **OTELResourceDetector().detect().attributes})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    try:
        exporter = OTLPSpanExporter()
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except ValueError:
        sdk_log.close()
        raise
    return OtelTracing(provider, exporter, sdk_log, provider.get_tracer("parrot-sidecar", __version__))
