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

FLUSH = 2.0
"""Seconds that a sidecar which stops waits for the collector."""
_LOOKS = "/v1/providers/"
"""Where dashboards and probes look every few seconds."""
_W3C = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of one request."""

    span: Span
    context: Context
    """That makes a span its child."""
    offset: float
    """Seconds from the services' clock to 1970's."""
    attempts: list[tuple[Attempt, Span]] = field(default_factory=list)

    def at(self, moment: float) -> int:
        """A moment of the services' clock, in nanoseconds since 1970."""
        return int((moment + self.offset) * 1e9)


@dataclass(frozen=True, slots=True)
class Traces:
    """Makes spans of what an Exchange and its Attempts say of themselves at the end."""

    provider: TracerProvider
    exporter: SpanExporter
    complaints: Complaints
    tracer: Tracer
    _open: dict[Exchange, Trace] = field(default_factory=dict)

    async def request(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        """Makes the request's span, a child of its caller's if it names one."""
        if not exchange.request.path.startswith(_LOOKS):
            self._begin(exchange)
        return await handler(exchange)

    async def attempt(self, attempt: Attempt, handler: Handler[Attempt]) -> Response:
        """Makes the attempt's span, and the provider's trace its child."""
        trace = self._open.get(attempt.exchange)
        if trace is not None:
            span = self._attempted(attempt, trace)
            headers = dict(attempt.asking.headers)
            _W3C.inject(headers, set_span_in_context(span, Context()))
            attempt.asking = replace(attempt.asking, headers=headers)
        return await handler(attempt)

    async def close(self) -> None:
        """Sends what is left, in FLUSH seconds at most."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # from now on it cannot be cancelled, whoever stops waiting
        Thread(target=self._shut, args=(done,), daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH):
                await asyncio.wrap_future(done)
        except TimeoutError:
            self.exporter.shutdown()  # the thread ends with what it is at; nothing waits for it
        self.complaints.close()

    def _shut(self, done: Future[None]) -> None:
        self.provider.shutdown()
        done.set_result(None)

    def _begin(self, exchange: Exchange) -> None:
        offset = exchange.services.wall() - exchange.services.clock()
        span = self.tracer.start_span(
            exchange.request.method,
            context=_W3C.extract(exchange.request.headers),
            kind=SpanKind.SERVER,
            attributes=attributes.asked(exchange),
            start_time=int((exchange.started + offset) * 1e9),
        )
        if span.is_recording():  # else it is not sampled: the caller's own headers go on as they came
            self._open[exchange] = Trace(span, set_span_in_context(span, Context()), offset)
            exchange.at_end(self._end)

    def _attempted(self, attempt: Attempt, trace: Trace) -> Span:
        span = self.tracer.start_span(
            attributes.attempt_name(attempt),
            context=trace.context,
            kind=SpanKind.CLIENT,
            attributes=attributes.started(attempt, len(trace.attempts) + 1),
            start_time=trace.at(attempt.started),
        )
        trace.attempts.append((attempt, span))
        return span

    def _end(self, exchange: Exchange) -> None:
        """Asked for first, so called last: by then every attempt has its outcome."""
        trace, now = self._open.pop(exchange), exchange.services.clock()
        for attempt, span in trace.attempts:
            if attempt in exchange.attempts:  # else it was withdrawn: there was none
                _say(span, attributes.of_attempt(attempt), wrong=bool(attributes.attempt_error(attempt)))
                span.end(trace.at(now if attempt.ended is None else attempt.ended))
        wrong = bool(attributes.request_error(exchange)) and not attributes.callers_mistake(exchange)
        trace.span.update_name(attributes.request_name(exchange))
        _say(trace.span, attributes.of_request(exchange), wrong=wrong)
        trace.span.end(trace.at(now))


class Complaints(logging.Handler):
    """What the SDK says of itself, in the sidecar's log: each thing once a minute, and no word of URLs or headers."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._said: dict[str, float] = {}
        logging.getLogger("opentelemetry").addHandler(self)
        logging.getLogger("opentelemetry").propagate = False  # any other handler would write URLs and headers too

    def emit(self, record: logging.LogRecord) -> None:
        """Called by whichever thread has something to say."""
        form = str(record.msg)
        if record.created - self._said.get(form, 0.0) >= 60:
            self._said[form] = record.created
            self._log.warning("tracing_troubled", reason=_reason(record, form))

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


def _say(span: Span, said: Attributes, *, wrong: bool) -> None:
    span.set_attributes(said)
    if wrong:
        span.set_status(StatusCode.ERROR)


def start(log: FilteringBoundLogger) -> Traces:
    """Traces as the process's OTEL_… variables ask for them. Raises ValueError for a bad one."""
    complaints = Complaints(log)
    named = {"service.name": "parrot-sidecar", "service.version": __version__}
    resource = Resource.create({**named, **OTELResourceDetector().detect().attributes})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    try:
        exporter = OTLPSpanExporter()
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except ValueError:
        complaints.close()
        raise
    return Traces(provider, exporter, complaints, provider.get_tracer("parrot-sidecar", __version__))
