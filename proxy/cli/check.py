"""`parrot check`: validates a configuration file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from proxy.cli import file
from proxy.cli.command import Command, CommandError
from proxy.sidecar import InsecureListenError, check_listen_security

_DESCRIPTION = "Validate the file as serve would and report every problem. Exit code: 0 valid, 2 invalid."


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", default="routing.yaml", metavar="FILE", help="default: routing.yaml")


def _run(arguments: Namespace) -> int:
    generation = file.load_generation(arguments.config)
    snapshot = generation.snapshot
    try:
        check_listen_security(snapshot.listen, generation)
    except InsecureListenError as error:
        raise CommandError(f"{arguments.config}: {error}", exit_code=2) from error
    targets = {target.id for targets in snapshot.models.values() for target in targets}
    counts = f"{len(snapshot.providers)} providers, {len(snapshot.models)} models, {len(snapshot.patterns)} patterns"
    print(f"{arguments.config} is valid: {counts}, {len(targets)} targets, hash {generation.digest}")
    for provider in snapshot.providers.values():
        if provider.disabled_reason:
            print(f"  {provider.name} would be disabled: {provider.disabled_reason}")
        for label, reason in provider.missing_keys.items():
            print(f"  {label} of {provider.name} would be skipped: {reason}")
    return 0


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
