"""`parrot schema`: the file's shape as JSON Schema, for editors that complete and check while one types."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import orjson

from proxy.cli.command import Command, CommandError, error_reason
from proxy.config.json_schema import Schema, json_schema
from proxy.config.schema import RoutingFile
from proxy.pipeline import REGISTRY

_DESCRIPTION = "Prints the JSON Schema of routing.yaml, or writes it to a file."
_OWN = r"^[\w.]+:\w+$"
"""A middleware of one's own, `package.module:Name`."""


def schema() -> Schema:
    """JSON Schema of routing.yaml, the options of every middleware included."""
    options = {name: json_schema(kind) for name, kind in REGISTRY.items()}
    configured = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": options,
        "patternProperties": {_OWN: {"type": "object"}},
        "additionalProperties": False,
    }
    named = {"type": "string", "enum": list(options)}
    file = json_schema(RoutingFile)
    file["properties"]["pipeline"] = {
        "type": "array",
        "items": {"anyOf": [named, {"type": "string", "pattern": _OWN}, configured]},
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Parrot Sidecar: routing.yaml", **file}


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there instead of printing it")


def _run(arguments: Namespace) -> int:
    written = orjson.dumps(schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
    if arguments.output is None:
        print(written, end="")
        return 0
    try:
        Path(arguments.output).write_text(written, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {arguments.output}: {error_reason(error)}") from error
    return 0


COMMAND = Command("schema", "the file's shape, for editors", _arguments, _run, _DESCRIPTION)
