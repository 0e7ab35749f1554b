"""`parrot check`: validates a configuration file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from proxy.cli import file
from proxy.cli.banner import enabled_providers
from proxy.cli.command import Command

_DESCRIPTION = "Validate the file as serve would and report every problem. Exit code: 0 valid, 2 invalid."


def _add_arguments(parser: ArgumentParser) -> None:
    file.add_config_argument(parser)


def _run(arguments: Namespace) -> int:
    path = file.config_path(arguments)
    generation = file.load_generation(path, checks_listener=True)
    snapshot = generation.snapshot
    targets = {target.id for targets in snapshot.models.values() for target in targets}
    sizes = {"provider": snapshot.providers, "model": snapshot.models, "pattern": snapshot.patterns, "target": targets}
    counts = ", ".join(f"{len(each)} {name}{'s' * (len(each) != 1)}" for name, each in sizes.items())
    print(f"{path} is valid: {counts}, hash {generation.digest}")
    for provider in snapshot.providers.values():
        if provider.disabled_reason:
            print(f"  {provider.name} would be disabled: {provider.disabled_reason}")
        for label, reason in provider.missing_keys.items():
            print(f"  {label} of {provider.name} would be skipped: {reason}")
    if not enabled_providers(snapshot):
        print("  no provider would be enabled: every request would fail")
    return 0


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
