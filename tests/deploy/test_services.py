"""The Dockerfile, the Compose file and the unit of systemd agree with each other and with the product."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.check.image import instructions
from deploy.compose import app
from proxy.cli.main import COMMANDS
from proxy.config.schema import Drain
from proxy.config.units import Seconds
from tests.running import RunningSidecar, build_generation
from tests.source import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
COMPOSE_ROUTING = (DEPLOY / "compose/parrot/routing.yaml").read_text()
DOCKERFILE = list(instructions((DEPLOY / "Dockerfile").read_text()))
UNIT = (DEPLOY / "parrot.service").read_text()
MARGIN_S = 5
"""How much longer than the drain a service manager waits before it ends the process."""


def grace_s(drain: Drain) -> float:
    return drain.delay + drain.timeout + MARGIN_S


def mounted(service: Any) -> Iterator[Path]:
    """Yield the files and folders of this repository that a service mounts."""
    for volume in service.get("volumes", ()):
        if volume.startswith("./"):
            yield DEPLOY / volume.split(":")[0]


def test_compose_waits_for_the_whole_drain() -> None:
    drain = build_generation(COMPOSE_ROUTING).snapshot.drain
    assert Seconds.parse(COMPOSE["services"]["parrot"]["stop_grace_period"]) == grace_s(drain)


def test_systemd_waits_for_the_whole_default_drain() -> None:
    assert f"\nTimeoutStopSec={grace_s(Drain()):.0f}\n" in UNIT


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_what_compose_mounts_is_there(name: str) -> None:
    assert [str(path) for path in mounted(COMPOSE["services"][name]) if not path.exists()] == []


def test_compose_mounts_the_folder_of_the_configuration_as_a_file_never_changes() -> None:
    assert DEPLOY / "compose/parrot" in mounted(COMPOSE["services"]["parrot"])


def test_prometheus_scrapes_the_sidecar_of_compose() -> None:
    config = yaml.safe_load((DEPLOY / "compose/prometheus.yaml").read_text())
    admin = build_generation(COMPOSE_ROUTING).snapshot.admin
    assert admin.host == "0.0.0.0"
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": [f"parrot:{admin.port}"]}]


async def test_the_application_of_compose_gets_an_answer(
    two_providers: RunningSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "URL", f"{two_providers.url}/v1/chat/completions")
    monkeypatch.setitem(app.QUESTION, "model", "m")
    assert re.match(r"(first|second): \w", await asyncio.to_thread(app.ask))


def test_the_application_without_a_sidecar_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "URL", "http://127.0.0.1:1/v1/chat/completions")
    assert app.ask().startswith("no answer: ")


def test_the_image_runs_as_no_named_user_in_group_0_and_checks_its_health() -> None:
    final = dict(DOCKERFILE)
    assert re.fullmatch(r"[1-9]\d+:0", final["USER"])
    assert final["ENTRYPOINT"] == '["parrot"]' and final["CMD"] == '["serve"]'
    assert final["HEALTHCHECK"].endswith('CMD ["parrot", "health"]')


def test_every_package_of_the_image_is_pinned_by_hash() -> None:
    installs = [part for name, text in DOCKERFILE if name == "RUN" for part in text.split("&&") if " install " in part]
    assert len(installs) == 3
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)


def test_commands_of_the_deployment_exist() -> None:
    used = [*re.findall(r"/opt/parrot/bin/parrot (\w+)", UNIT), "health", COMPOSE["services"]["parrot"]["command"][0]]
    assert set(used) == {"serve", "check", "health"} <= COMMANDS.keys()
