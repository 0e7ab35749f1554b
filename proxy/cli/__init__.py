"""The command `parrot`: `main` parses the command line. Each subcommand is a module of its own."""

from proxy.cli.main import main

__all__ = ["main"]
