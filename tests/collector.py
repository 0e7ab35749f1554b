"""An OTLP trace collector on loopback that records what it receives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import RawTestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
ERROR = 2
"""Status code of a span."""


@dataclass(frozen=True)
class RecordedSpan:
    """One span, with hexadecimal ids and attributes as Python values."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    status: int
    seconds: float
    attributes: dict[str, Any]

    @classmethod
    def of(cls, span: Any) -> RecordedSpan:
        attributes = {each.key: _plain(each.value) for each in span.attributes}
        seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
        return cls(span.name, span.kind, *ids, span.status.code, seconds, attributes)


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_plain(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@dataclass
class Collector:
    """Every request that the collector received."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.paths.append(request.path)
        self.raw.append(await request.read())
        return web.Response()

    @property
    def batches(self) -> list[Any]:
        return [batch for raw in self.raw for batch in ExportTraceServiceRequest.FromString(raw).resource_spans]

    @property
    def resource(self) -> dict[str, Any]:
        return {each.key: _plain(each.value) for each in self.batches[0].resource.attributes}

    @property
    def spans(self) -> list[RecordedSpan]:
        return [RecordedSpan.of(span) for batch in self.batches for scope in batch.scope_spans for span in scope.spans]

    @property
    def requests(self) -> list[RecordedSpan]:
        return [span for span in self.spans if span.kind == SERVER]

    @property
    def attempts(self) -> list[RecordedSpan]:
        return sorted(
            (span for span in self.spans if span.kind == CLIENT), key=lambda span: span.attributes["parrot.attempt"]
        )


@asynccontextmanager
async def trace_collector() -> AsyncIterator[Collector]:
    collector = Collector()
    async with RawTestServer(collector.handle) as server:
        collector.url = str(server.make_url("")).rstrip("/")
        yield collector
