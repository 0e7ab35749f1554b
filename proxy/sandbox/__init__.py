"""Simulated providers that speak the native wire formats and break on demand; `SIMULATIONS` is the table of them.

A simulated format is a file of pure functions from a request to a reply; `provider` and `player` do the sockets."""

from collections.abc import Mapping

from proxy.sandbox import openai
from proxy.sandbox.contract import Simulation

SIMULATIONS: Mapping[str, Simulation] = {"openai": openai.SIMULATION}
