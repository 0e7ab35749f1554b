"""`parrot check`: validates a configuration file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from proxy.cli import file
from proxy.cli.banner import enabled_providers
from proxy.cli.command import Command
from proxy.config.document import ConfigError, Problem, find_mark
from proxy.sidecar import InsecureListenError, check_listen_security

_DESCRIPTION = "Validate the file as serve would and report every problem. Exit code: 0 valid, 2 invalid."


def _add_arguments(parser: ArgumentParser) -> None:
    file.add_config_argument(parser)


def _run(arguments: Namespace) -> int:
    path = file.config_path(arguments)
    generation = file.load_generation(path)
    snapshot = generation.snapshot
    try:
        check_listen_security(snapshot.listen, generation)
    except InsecureListenError as error:
        place = find_mark(generation.root, "listen", "host")
        problem = Problem(place.line + 1, place.column + 1, "", str(error))
        raise file.invalid(ConfigError(path, [problem])) from error
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
