"""Simulated LLM providers on loopback, for `--sandbox`, `parrot sandbox` and the tests: no keys, no network.

Each wire format is one module of pure functions from a request (`contract.Call`) to a reply (`contract.Reply`). What
the reply contains comes from `model`. `faults` turns a reply into a `script` of steps, for example "send the headers
and two events, then reset the connection". `player` runs the steps on a socket, `provider` is one running provider and
`server.Sandbox` all of them. `fault_api` sets faults over HTTP.
"""

from collections.abc import Mapping

from proxy.sandbox import anthropic, cohere, compatible, google, mistral, openai
from proxy.sandbox.contract import Simulation

SIMULATIONS: Mapping[str, Simulation] = {
    "anthropic": anthropic.SIMULATION,
    "cohere": cohere.SIMULATION,
    "compatible": compatible.SIMULATION,
    "google": google.SIMULATION,
    "meta": compatible.SIMULATION,
    "mistral": mistral.SIMULATION,
    "openai": openai.SIMULATION,
}
"""Dialect -> its simulation."""
