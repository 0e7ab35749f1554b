"""The sandbox: simulated providers on loopback, one port each, so that nobody needs a key to try the sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from aiohttp import web

from proxy.sandbox import SIMULATIONS, fault_api
from proxy.sandbox.port import Port
from proxy.sandbox.provider import Environment, ReceivedRequest, SimulatedProvider
from proxy.sandbox.scenario import Fault, Scenario

_FREE: Mapping[str, int] = MappingProxyType({})
DOWN = Fault("down")


class Sandbox:
    """Running simulated providers; a name it does not have is a KeyError."""

    def __init__(self, providers: Mapping[str, SimulatedProvider]) -> None:
        self._providers = providers
        self._control = Port(self._command)

    @classmethod
    async def start(
        cls,
        dialects: Mapping[str, str],
        ports: Mapping[str, int] = _FREE,
        control_port: int = 0,
        *,
        environment: Environment | None = None,
    ) -> Sandbox:
        """A provider for each name -> dialect; ports not named are free ones. Raises OSError if a port is taken."""
        environment = environment or Environment()
        sandbox = cls(
            {name: SimulatedProvider(name, SIMULATIONS[dialect], environment) for name, dialect in dialects.items()}
        )
        numbers = [(provider.port, ports.get(name, 0)) for name, provider in sandbox._providers.items()]
        try:
            for port, number in [*numbers, (sandbox._control, control_port)]:
                port.reserve(number)
                await port.listen()
        except OSError:
            await sandbox.close()
            raise
        return sandbox

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._providers)

    @property
    def control_url(self) -> str:
        """Where faults are set over HTTP."""
        return self._control.url

    def url(self, name: str) -> str:
        """The provider's address, without a path."""
        return self._providers[name].port.url

    def base_url(self, name: str) -> str:
        """What stands as the provider's `base_url` in routing.yaml."""
        return self.url(name) + self._providers[name].simulation.base_path

    def requests(self, name: str) -> list[ReceivedRequest]:
        """The last 1,000 requests it received, oldest first."""
        return list(self._providers[name].received)

    def scenario(self, name: str) -> Scenario:
        """How it behaves now."""
        return self._providers[name].scenario

    async def set_scenario(self, name: str, scenario: Scenario) -> None:
        """Let it behave so from its next request on."""
        await self._providers[name].apply(scenario)

    async def set_fault(self, name: str, fault: Fault | None) -> None:
        """Break it so, in place of any other fault; None heals it."""
        await self.set_scenario(name, replace(self.scenario(name), fault=fault))

    async def stop(self, name: str) -> None:
        """Its port refuses connections from now on, and the open ones are dropped: the fault `down`."""
        await self.set_fault(name, DOWN)

    async def restore(self, name: str) -> None:
        """It listens on the same port and has no fault."""
        await self.set_fault(name, None)

    async def close(self) -> None:
        """Stop everything and give the ports back."""
        for port in [*(provider.port for provider in self._providers.values()), self._control]:
            await port.close()

    async def _command(self, request: web.BaseRequest) -> web.StreamResponse:
        return await fault_api.handle(self, request)
