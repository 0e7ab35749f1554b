"""The sandbox: all simulated providers, each on its own loopback port, and the port of the fault API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from aiohttp import web

from proxy.sandbox import SIMULATIONS, fault_api
from proxy.sandbox.port import Port
from proxy.sandbox.provider import Environment, ReceivedRequest, SimulatedProvider
from proxy.sandbox.scenario import Fault, Scenario

_ANY_FREE_PORTS: Mapping[str, int] = MappingProxyType({})
DOWN = Fault("down")


class Sandbox:
    """The running simulated providers. Methods that take a provider's name raise KeyError for an unknown one."""

    def __init__(self, providers: Mapping[str, SimulatedProvider]) -> None:
        self._providers = providers
        self._control = Port(self._command)

    @classmethod
    async def start(
        cls,
        dialects: Mapping[str, str],
        ports: Mapping[str, int] = _ANY_FREE_PORTS,
        control_port: int = 0,
        *,
        environment: Environment | None = None,
    ) -> Sandbox:
        """Start one provider for each name -> dialect.

        `ports` maps names to port numbers. The others, and a `control_port` of 0, get any free port. Raises OSError
        if a port is taken, and then leaves nothing running.
        """
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
        """Names of the providers."""
        return tuple(self._providers)

    @property
    def control_url(self) -> str:
        """URL of the fault API."""
        return self._control.url

    def url(self, name: str) -> str:
        """Return the provider's URL without a path."""
        return self._providers[name].port.url

    def base_url(self, name: str) -> str:
        """Return the URL for the provider's `base_url` in routing.yaml."""
        return self.url(name) + self._providers[name].simulation.base_path

    def requests(self, name: str) -> list[ReceivedRequest]:
        """Return the last 1,000 requests that the provider received, oldest first."""
        return list(self._providers[name].received)

    def scenario(self, name: str) -> Scenario:
        """Return how the provider behaves now."""
        return self._providers[name].scenario

    async def set_scenario(self, name: str, scenario: Scenario) -> None:
        """Replace the provider's scenario, from its next request on."""
        await self._providers[name].apply(scenario)

    async def set_fault(self, name: str, fault: Fault | None) -> None:
        """Replace the provider's fault. None clears it."""
        await self.set_scenario(name, replace(self.scenario(name), fault=fault))

    async def stop(self, name: str) -> None:
        """Refuse connections and reset the open ones: the fault `down`."""
        await self.set_fault(name, DOWN)

    async def restore(self, name: str) -> None:
        """Clear the fault and listen again on the same port."""
        await self.set_fault(name, None)

    async def close(self) -> None:
        """Stop all providers and the fault API, and release the ports."""
        for port in [*(provider.port for provider in self._providers.values()), self._control]:
            await port.close()

    async def _command(self, request: web.BaseRequest) -> web.StreamResponse:
        return await fault_api.handle(self, request)
