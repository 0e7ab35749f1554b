"""What the benchmarks know of a program: how to find or install it, its configuration files, the API it offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.payloads import OPENAI, Api


@dataclass(frozen=True, slots=True)
class ProxyPorts:
    """The port a proxy listens on and the port it forwards to, both of 127.0.0.1."""

    listen: int
    upstream: int


@dataclass(frozen=True, slots=True)
class Proxy:
    """One program.

    `find` returns it, installed if need be, or None. It may raise BenchError. `write` writes its files to a directory
    and returns the command.
    """

    provided_by: str
    find: Callable[[], str | None]
    write: Callable[[str, Path, ProxyPorts], list[str]]
    api: Api = OPENAI
    translated_api: Api | None = None
    """Where it accepts requests for Anthropic's models, if it translates their answers."""
    variants_api: Api | None = None
    """Where it accepts the variants of a unary request, if these are measured."""
    slowness: int = 1
    """By how much the number of concurrent streams is divided, so that the program keeps up."""
    chooses_port: bool = False
    """Whether it chooses its port, and writes it to `PORT_FILE`."""
    listens_on_all_interfaces: bool = False
    """Whether it cannot be told to listen on 127.0.0.1 only."""


PORT_FILE = "port"
"""A file in a program's directory, for the port of a program that chooses one by itself."""


def with_environment(variables: dict[str, str], command: list[str]) -> list[str]:
    """Return the command that runs with these environment variables as well."""
    return ["env", *(f"{name}={value}" for name, value in variables.items()), *command]
