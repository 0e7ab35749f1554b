"""Simulated providers that speak the native wire formats and break on demand; `SIMULATIONS` is the table of them.

A simulated format is a file of pure functions from a request to a reply; a fault is a function from a request's turn to
a script of steps; `port` and `player` are where both meet a socket."""

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
