"""The sandbox of `parrot serve --sandbox`, imported only with that option."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from proxy.cli.command import CommandError
from proxy.cli.fault import FaultOption, inject_faults
from proxy.config.document import ConfigError, Problem
from proxy.config.snapshot import Snapshot
from proxy.generation import Generation
from proxy.sandbox import SIMULATIONS
from proxy.sandbox.adapt import adapt_snapshot
from proxy.sandbox.server import Sandbox


@dataclass(frozen=True, slots=True)
class ServeSandbox:
    """Simulated providers in place of those of the configuration."""

    sandbox: Sandbox

    @classmethod
    async def start(cls, snapshot: Snapshot, faults: list[FaultOption], stack: AsyncExitStack) -> ServeSandbox:
        """Start a simulator for every provider, with these faults. The exit stack closes them."""
        dialects = {name: provider.dialect for name, provider in snapshot.providers.items()}
        for name, dialect in dialects.items():
            if dialect not in SIMULATIONS:
                raise CommandError(f"providers.{name}: the sandbox cannot simulate dialect '{dialect}'", exit_code=2)
        sandbox = await Sandbox.start(dialects)
        stack.push_async_callback(sandbox.close)
        await inject_faults(sandbox, faults)
        return cls(sandbox)

    @property
    def control_url(self) -> str:
        """Return where faults are set."""
        return self.sandbox.control_url

    def adapt(self, generation: Generation) -> Generation:
        """Redirect a generation's providers to their simulators. Raises ConfigError for a provider added later."""
        snapshot = generation.snapshot
        if new := sorted(snapshot.providers.keys() - self.sandbox.names):
            message = "the sandbox has no simulator for a provider added after start; restart"
            raise ConfigError("the sandbox", [Problem(1, 1, f"providers.{name}", message) for name in new])
        urls = {name: self.sandbox.base_url(name) for name in snapshot.providers}
        return replace(generation, snapshot=adapt_snapshot(snapshot, urls))
