"""The sandbox: simulated providers on loopback, one port each, so that nobody needs a key to try the sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.sandbox import SIMULATIONS
from proxy.sandbox.provider import HOST, Provider, Received, World
from proxy.sandbox.scenario import Scenario

_FREE: Mapping[str, int] = MappingProxyType({})
_REAL = World()


class Sandbox:
    """Running simulated providers; every method that takes a name raises KeyError for one it does not have."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers

    @classmethod
    async def start(
        cls, dialects: Mapping[str, str], ports: Mapping[str, int] = _FREE, *, world: World = _REAL
    ) -> Sandbox:
        """A provider for each name -> dialect, on the port named for it or a free one. Raises OSError if one is taken."""
        sandbox = cls({name: Provider(name, SIMULATIONS[dialect], world) for name, dialect in dialects.items()})
        try:
            for name, provider in sandbox._providers.items():
                provider.reserve(ports.get(name, 0))
                await provider.listen()
        except OSError:
            await sandbox.close()
            raise
        return sandbox

    def url(self, name: str) -> str:
        """The provider's address, without a path."""
        return f"http://{HOST}:{self._providers[name].port}"

    def base_url(self, name: str) -> str:
        """What stands as the provider's `base_url` in routing.yaml."""
        return self.url(name) + self._providers[name].simulation.base_path

    def calls(self, name: str) -> list[Received]:
        """The last 1,000 requests it received, oldest first."""
        return list(self._providers[name].received)

    def scenario(self, name: str) -> Scenario:
        """How it behaves now."""
        return self._providers[name].scenario

    def play(self, name: str, scenario: Scenario) -> None:
        """Let it behave so from its next request on."""
        self._providers[name].scenario = scenario

    async def stop(self, name: str) -> None:
        """Its port refuses connections from now on, and the open ones are dropped."""
        await self._providers[name].stop()

    async def resume(self, name: str) -> None:
        """It listens again on the same port."""
        await self._providers[name].listen()

    async def close(self) -> None:
        """Stop everything and give the ports back."""
        for provider in self._providers.values():
            await provider.close()
