"""`parrot schema`: prints the JSON Schema of the configuration file, for completion and validation in editors."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

import orjson

from proxy.cli.command import Command, CommandError, error_reason
from proxy.config.field_docs import field_docs
from proxy.config.json_schema import VARIABLE, Schema, json_schema, words
from proxy.config.schema import PROVIDER_NAME, RESERVED, ModelConfig, RoutingFile, ShortModel
from proxy.config.snapshot import MODEL_NAME
from proxy.dialects import DIALECTS
from proxy.pipeline import REGISTRY, SWITCHED_OFF
from proxy.routing.header_parsers import BALANCING_MODES, MAX_RETRIES, PERFORMANCE_METRICS, STRATEGY_NAMES
from proxy.routing.policy import MEMBERS, Policy
from proxy.routing.policy_levels import REQUEST_MEMBERS

_DESCRIPTION = "Print the JSON Schema of routing.yaml, or write it to a file."
_CUSTOM = r"^[\w.]+:\w+$"
"""A custom middleware, `package.module:Name`."""
_MODEL_NAME = "^" + MODEL_NAME.pattern.replace("[A-Za-z", "[*A-Za-z") + "$"
"""In `models` a name may be a pattern with `*`."""


_SHORT_LABEL = f"^(?!(?:{'|'.join(RESERVED)})$){PROVIDER_NAME.removeprefix('^')}"
"""A provider in the short form of a model."""


def schema() -> Schema:
    """Return the JSON Schema of routing.yaml, including the options of every middleware."""
    options = {name: _entry(name, kind) for name, kind in REGISTRY.items()}
    with_options = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": options,
        "patternProperties": {_CUSTOM: {"type": "object"}},
        "additionalProperties": False,
    }
    names = {"type": "string", "enum": list(options)}
    file = json_schema(RoutingFile)
    members = file["properties"]
    members["pipeline"] = {
        "description": members["pipeline"]["description"],
        "type": ["array", "null"],
        "items": {"anyOf": [names, {"type": "string", "pattern": _CUSTOM}, with_options]},
    }
    members["defaults"]["properties"]["policy"] = _policy()
    members["models"]["additionalProperties"] = _model()
    members["models"]["propertyNames"] = {"pattern": _MODEL_NAME}
    members["providers"]["additionalProperties"]["properties"]["dialect"] |= {
        "type": "string",
        "anyOf": [{"enum": list(DIALECTS)}, VARIABLE],
    }
    file["patternProperties"] = {"^x-": {"description": "Ignored: a place for YAML anchors."}}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Parrot Sidecar: routing.yaml", **file}


def _entry(name: str, kind: type) -> Schema:
    """Return the schema of a middleware's options, which may be left out, or be `off` where it can be turned off."""
    options = json_schema(kind)
    if name == "auth":
        options["properties"]["keys"]["items"]["properties"]["policy"] = _policy()
    return {"anyOf": [options, words(None, "off") if name in SWITCHED_OFF else words(None)]}


def _model() -> Schema:
    """Return the schema of a model: its short form, or its long form."""
    long = json_schema(ModelConfig)
    long["properties"]["policy"] = _policy()
    return {"anyOf": [{**json_schema(ShortModel), "propertyNames": {"pattern": _SHORT_LABEL}}, long]}


_NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_OBJECT = {"anyOf": [{"type": "object"}, {"type": "string"}]}
_BOOLEAN = {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}, VARIABLE]}
_POSITIVE = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}
_POLICY_VALUES: Mapping[str, Schema] = {
    "provider": _NAMES,
    "include_providers": _NAMES,
    "exclude_providers": _NAMES,
    "provider_regions": _NAMES,
    "provider_preference": _NAMES,
    "provider_fallbacks": _NAMES,
    "load_balance_providers": _NAMES,
    "provider_weights": _OBJECT,
    "failover_config": _OBJECT,
    "retry_on_provider_error": _BOOLEAN,
    "route_explain": _BOOLEAN,
    "max_cost_per_request": _POSITIVE,
    "max_latency_ms": _POSITIVE,
    "max_provider_retries": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_RETRIES}, {"type": "string"}]},
    "routing_strategy": {"anyOf": [{"enum": list(STRATEGY_NAMES)}, VARIABLE]},
    "load_balance_strategy": {"anyOf": [{"enum": list(BALANCING_MODES)}, VARIABLE]},
    "performance_metric": {"anyOf": [{"enum": list(PERFORMANCE_METRICS)}, VARIABLE]},
}
"""What editors may check of a policy's values. `parrot check` checks the rest."""


def _policy() -> Schema:
    """Return the schema of a policy: the members of a request's `routing`, without those of one request alone."""
    docs = field_docs(Policy)
    return {
        "type": "object",
        "description": "Routing options, by the names of the members of a request's `routing`.",
        "properties": {
            name: {**_POLICY_VALUES.get(name, {}), "description": docs.get(name, f"As the header {header}.")}
            for name, header in MEMBERS.items()
            if name not in REQUEST_MEMBERS
        },
        "additionalProperties": False,
    }


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write it to FILE")


def _run(arguments: Namespace) -> int:
    text = orjson.dumps(schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
    if arguments.output is None:
        print(text, end="")
        return 0
    try:
        Path(arguments.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {arguments.output}: {error_reason(error)}") from error
    return 0


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
