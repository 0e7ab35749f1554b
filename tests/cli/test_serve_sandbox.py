"""`parrot serve --sandbox` replaces every provider of the file by a simulated one, some of them broken."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from proxy.cli import main
from proxy.cli.command import CommandError
from proxy.cli.serve_sandbox import ServeSandbox
from proxy.config.document import ConfigError
from proxy.sandbox.scenario import Fault
from tests.fakes import generation, routing_yaml


async def test_every_provider_gets_a_simulator_and_its_fault() -> None:
    async with AsyncExitStack() as stack:
        sandbox = await ServeSandbox.start(generation().snapshot, [("b", Fault("stall")), ("", Fault("down"))], stack)
        adapted = sandbox.adapt(generation()).snapshot
        assert [target.base_url for target in adapted.models["m"]] == [sandbox.sandbox.base_url(each) for each in "abc"]
        faults = [sandbox.sandbox.scenario(name).fault for name in "abc"]
        assert faults == [Fault("down"), Fault("stall"), None]


async def test_a_provider_added_later_has_no_simulator() -> None:
    whole = generation()
    first = replace(whole.snapshot, providers={"a": whole.snapshot.providers["a"]})
    async with AsyncExitStack() as stack:
        sandbox = await ServeSandbox.start(first, [], stack)
        with pytest.raises(ConfigError, match=r"providers\.b: the sandbox has no simulator .*; restart"):
            sandbox.adapt(whole)


async def test_a_dialect_without_simulator_is_an_error() -> None:
    snapshot = generation().snapshot
    odd = replace(snapshot, providers={"a": replace(snapshot.providers["a"], dialect="latin")})
    async with AsyncExitStack() as stack:
        with pytest.raises(CommandError, match="cannot simulate dialect 'latin'"):
            await ServeSandbox.start(odd, [], stack)


def test_a_fault_needs_the_sandbox(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "routing.yaml"
    path.write_text(routing_yaml())
    assert main(["serve", "-c", str(path), "--fault", "down"]) == 2
    assert capsys.readouterr().err == "parrot: --fault breaks simulated providers: it needs --sandbox\n"
