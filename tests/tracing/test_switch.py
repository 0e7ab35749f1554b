"""Tracing starts if a collector is configured; a problem is one warning at start."""

from __future__ import annotations

import re
import sys

import pytest

from proxy.tracing import switch
from tests.fakes import generation
from tests.running import CapturedLog, run_sidecar
from tests.source import sources

COLLECTOR_URL = "http://127.0.0.1:4318"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR_URL}


class FakeOtel:
    """Replaces `proxy.tracing.otel`."""

    @staticmethod
    def start(log):
        return "tracing"


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(switch, "import_module", lambda name: FakeOtel)
    return CapturedLog()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SERVICE_NAME": "shop"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "console"},
    ],
)
def test_tracing_is_off_by_default(environ, log):
    assert switch.start_tracing(environ, log.logger()) is None
    assert log.lines == []


@pytest.mark.parametrize(
    ("environ", "collector"),
    [
        (ENDPOINT, "127.0.0.1:4318"),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://user:key@traces.test/key/v1/traces"},
            "traces.test",
        ),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "console, otlp", "OTEL_SDK_DISABLED": "false"}, "127.0.0.1:4318"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "127.0.0.1:4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4318/"}, "[::1]:4318"),
    ],
)
def test_a_configured_collector_is_used_and_only_its_host_is_logged(environ, collector, log):
    assert switch.start_tracing(environ, log.logger()) == "tracing"
    assert log.lines == [{"event": "tracing_started", "level": "info", "collector": collector}]


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        *(
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": url}, "OTEL_EXPORTER_OTLP_ENDPOINT is not an http:// or https:// URL")
            for url in ("localhost:4318", "http://h:port", "http://", "http:///v1", "ftp://h:21", "unix:/run/x")
        ),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is grpc; only http/protobuf is supported",
        ),
    ],
)
def test_an_unusable_collector_is_a_warning(environ, reason, log):
    assert switch.start_tracing(environ, log.logger()) is None
    assert log.lines == [{"event": "tracing_unavailable", "level": "warning", "reason": reason}]


def test_an_invalid_sdk_variable_is_a_warning(log, monkeypatch):
    def start(log):
        raise ValueError("max_queue_size must be a positive integer.")

    monkeypatch.setattr(FakeOtel, "start", start)
    assert switch.start_tracing(ENDPOINT, log.logger()) is None
    assert [line["reason"] for line in log.lines] == ["max_queue_size must be a positive integer."]


def test_an_incompatible_sdk_is_a_warning_without_paths(log, monkeypatch):
    def broken(name):
        raise ImportError("cannot import name 'X' from 'opentelemetry.sdk' (/srv/parts)", name="opentelemetry.sdk")

    monkeypatch.setattr(switch, "import_module", broken)
    assert switch.start_tracing(ENDPOINT, log.logger()) is None
    assert [line["reason"] for line in log.lines] == [
        "opentelemetry.sdk is incompatible: pip install --upgrade opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
    ]


async def test_without_the_extra_a_warning_names_it_and_requests_are_served(monkeypatch):
    monkeypatch.delitem(sys.modules, "proxy.tracing.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR_URL)
    async with run_sidecar() as started, started.client() as sdk:
        assert (await sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])).choices
    [warning] = [line for line in started.log.lines if line["event"] == "tracing_unavailable"]
    assert warning["reason"].endswith(
        "is not installed: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
    )


async def test_without_a_collector_nothing_is_loaded_or_in_the_pipeline(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setattr(switch, "import_module", lambda name: pytest.fail(f"{name} was loaded"))
    async with run_sidecar() as started:
        assert started.sidecar.tracing is None
        kinds = [type(each) for each in started.sidecar.handler.generation.pipeline.middlewares]
        assert kinds == [type(each) for each in generation(started.path.read_text()).pipeline.middlewares]


def test_only_one_module_needs_the_extra():
    def importing(name):
        return [path for path, text in sources().items() if re.search(rf"^\s*(from|import) {name}", text, re.M)]

    assert importing("opentelemetry") == ["proxy/tracing/otel.py"]
    assert importing(r"proxy\.tracing\.otel") == importing(r"proxy\.tracing import otel") == []
