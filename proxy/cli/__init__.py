"""The command `parrot`: one module per subcommand."""

from proxy.cli.main import main

__all__ = ["main"]
