"""`parrot init`: writes a routing.yaml for the providers whose keys are in the environment."""

from __future__ import annotations

import asyncio
import os
from argparse import ArgumentParser, Namespace

from proxy.cli.command import Command, CommandError, error_reason
from proxy.cli.discovery import LOCAL_PORTS, Found, find_local, find_vendors
from proxy.cli.file import DEFAULT
from proxy.cli.starter_file import starter_file

_DESCRIPTION = """Write a commented configuration for the providers whose API keys are in the environment. The keys stay
there: the file names the variables."""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default=DEFAULT, metavar="FILE", help=f"- prints it (default: {DEFAULT})")
    local = (
        f"add hosts of models that answer on this machine: {', '.join(f'{k} ({v})' for k, v in LOCAL_PORTS.items())}"
    )
    parser.add_argument("--local", action="store_true", help=local)
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def _run(arguments: Namespace) -> int:
    found = find_vendors(os.environ)
    if arguments.local:
        found += asyncio.run(find_local())
    text = starter_file(found)
    if arguments.file == "-":
        print(text, end="")
        return 0
    _write(arguments.file, text, force=arguments.force)
    print(f"{arguments.file} is written: {_summary(found)}")
    print(_next_step(found, "" if arguments.file == DEFAULT else f" {arguments.file}"))
    return 0


def _write(path: str, text: str, *, force: bool) -> None:
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise CommandError(f"{path} exists: --force replaces it, `parrot init -` prints a new one") from error
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error_reason(error)}") from error


def _summary(found: list[Found]) -> str:
    if not found:
        return "no API key is set, so its only provider is Ollama on this machine, and all others are comments"
    return ", ".join(f"{each.name} ({each.variable or each.base_url})" for each in found)


def _next_step(found: list[Found], file: str) -> str:
    if found:
        return f"Next: parrot check{file}, then parrot serve{file}"
    return (
        f"Next: set a key and run parrot init{file} --force, or start Ollama and run parrot serve{file}.\n"
        f"Without either: parrot serve{file} --sandbox, with simulated providers"
    )


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
