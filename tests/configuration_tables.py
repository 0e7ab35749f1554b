"""Writes the tables of docs/reference/configuration.md from the types: `python -m tests.configuration_tables`.

A table stands between the markers `<!-- keys of NAME -->` and `<!-- end -->`, where NAME is a type of the file. A type
whose values stand in another one, and that has no table of its own, is part of the other's table: `price.input`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import NODEFAULT, inspect

from proxy.cli.schema import schema
from proxy.config import auto_duration, key_pool, plain_values, process_schema, texts, units
from proxy.config import schema as config
from proxy.config.field_docs import field_docs
from proxy.dialects import DIALECTS
from proxy.middleware.auth import Key
from proxy.middleware.limits import AutoOrSize
from proxy.pipeline import REGISTRY
from proxy.routing import failover_config, header_parsers
from proxy.routing.policy import HEADERS, MEMBERS
from proxy.routing.policy_levels import REQUEST_MEMBERS
from proxy.routing.strategies import STRATEGIES

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "configuration.md"
BLOCK = re.compile(r"<!-- keys of (\w+) -->\n(.*?)<!-- end -->\n", re.DOTALL)
NOT_IN_ANCHORS = r"[^\w\- ]"
POLICY = "Policy"
"""The table of the routing options, which are the members of a request's `routing`."""


def in_code(words: Iterable[str]) -> str:
    """Return the words in code font, as a list."""
    return ", ".join(f"`{word}`" for word in words)


MIDDLEWARES = {kind.__name__: kind for kind in REGISTRY.values() if inspect.type_info(kind).fields}  # type: ignore[union-attr]
TYPES: Mapping[str, type] = {
    each.__name__: each
    for each in (
        config.RoutingFile,
        process_schema.Listen,
        process_schema.Admin,
        config.Defaults,
        process_schema.Drain,
        config.ProviderConfig,
        config.ProviderLimits,
        key_pool.PoolKeyConfig,
        config.Timeouts,
        config.ProbeConfig,
        config.RegionConfig,
        config.ModelConfig,
        config.ModelDeployment,
        Key,
        *MIDDLEWARES.values(),
    )
}
"""The types with a table of their own."""

LABELS: Mapping[type, str] = {
    units.Seconds: "duration",
    units.Size: "size",
    units.Ratio: "ratio",
    units.Secret: "text",
    units.AutoOrCount: "`auto`, whole number from 1",
    AutoOrSize: "`auto`, size",
    auto_duration.AutoOrDuration: "`auto`, `off`, duration",
    auto_duration.OffOrDuration: "`off`, duration",
    texts.Text: "text",
    texts.HeaderName: "header name",
    texts.RequestPath: "path",
    texts.BaseUrl: "URL",
    plain_values.JsonValue: "any value",
    plain_values.PolicyWords: "[routing options](#policies)",
    config.ModelRow: "[model](#models)",
    key_pool.ApiKey: "text, [list](#key-pools)",
}
"""How the tables name the types of scalars."""

CHOICES: Mapping[tuple[type, str], tuple[str, ...]] = {
    (config.ProviderConfig, "dialect"): tuple(DIALECTS),
    (REGISTRY["strategy"], "default"): tuple(STRATEGIES),
}
"""Fields whose allowed values stand in a registry."""

POLICY_VALUES: Mapping[Any, str] = {
    header_parsers.providers: "list of providers",
    header_parsers.regions: "list of regions",
    header_parsers.zone: "zone",
    header_parsers.positive: "number above 0",
    header_parsers.strategy: in_code(header_parsers.STRATEGY_NAMES),
    header_parsers.user_region: "region",
    header_parsers.metric: in_code(header_parsers.PERFORMANCE_METRICS),
    header_parsers.window: "duration",
    header_parsers.balancing_mode: in_code(header_parsers.BALANCING_MODES),
    header_parsers.weights: "mapping of providers to whole numbers",
    header_parsers.boolean: "`true`, `false`",
    header_parsers.retries: f"whole number, 0 to {header_parsers.MAX_RETRIES}",
    failover_config.parse_failover_config: "mapping",
}
"""How the table names the values of a routing option, by what parses them."""

NOTHING = "\N{EN DASH}"
_LINKS = {"pipeline": "[list of middlewares](#pipeline)"}
"""Members of the file that are loaded by more than their type."""


def table(name: str, links: Mapping[str, str]) -> str:
    """Return the table of a type by its name. `links` are to the headings under which the other tables stand."""
    if name == POLICY:
        return policy_table()
    return _markdown([["key", "type", "default", "meaning"], *_rows(TYPES[name], links)])


def _rows(kind: type, links: Mapping[str, str], prefix: str = "") -> Iterator[list[str]]:
    docs = field_docs(kind)
    for field in inspect.type_info(kind).fields:  # type: ignore[union-attr]
        inner = struct_of(field.type)
        if inner is not None and inner.__name__ not in links:
            if any(isinstance(each, inspect.LiteralType) for each in _members(field.type)):
                yield [f"`{prefix}{field.name}`", _label(field.type, links), _default(field), docs[field.name]]
            yield from _rows(inner, links, f"{prefix}{field.name}.")
        else:
            shown = in_code(CHOICES.get((kind, field.name), ())) or _LINKS.get(field.name) or _label(field.type, links)
            yield [f"`{prefix}{field.name}`", shown, _default(field), docs[field.name]]


def struct_of(kind: inspect.Type) -> type | None:
    """Return the struct or dataclass that a value may be, or None."""
    found = [each.cls for each in _members(kind) if isinstance(each, (inspect.StructType, inspect.DataclassType))]
    return next((each for each in found if each not in LABELS), None)


def _members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """Return the types that a value may have."""
    if isinstance(kind, inspect.Metadata):
        return _members(kind.type)
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _label(kind: inspect.Type, links: Mapping[str, str]) -> str:
    """Return the words for a type, with links to the tables of other types."""
    label = partial(_label, links=links)
    match kind:
        case inspect.Metadata():
            return label(kind.type)
        case inspect.UnionType():
            return ", ".join(
                dict.fromkeys(label(each) for each in kind.types if not isinstance(each, inspect.NoneType))
            )
        case inspect.LiteralType():
            return in_code(map(str, kind.values))
        case inspect.VarTupleType() | inspect.ListType():
            return f"list of {label(kind.item_type)}"
        case inspect.DictType():
            return f"mapping to {label(kind.value_type)}"
        case inspect.StructType() | inspect.DataclassType() if kind.cls not in LABELS:
            return links.get(kind.cls.__name__, "mapping")
        case inspect.CustomType() | inspect.StructType() | inspect.DataclassType():
            return LABELS[kind.cls]
    return _SCALARS[type(kind)](kind)


def _bounds(noun: str) -> Callable[[Any], str]:
    """Return what adds the bounds of a number to its noun."""

    def text(kind: Any) -> str:
        if kind.ge is not None and kind.le is not None:
            return f"{noun}, {kind.ge:g} to {kind.le:g}"
        return noun if kind.ge is None else f"{noun} from {kind.ge:g}"

    return text


_SCALARS: Mapping[type, Callable[[Any], str]] = {
    inspect.StrType: lambda kind: "text",
    inspect.BoolType: lambda kind: "`true`, `false`",
    inspect.IntType: _bounds("whole number"),
    inspect.FloatType: _bounds("number"),
}


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not NODEFAULT else field.default_factory()  # type: ignore[misc, operator]
    value = getattr(value, "written", value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (int, float, str)):
        return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    return "`[]`" if value == () else NOTHING


def policy_table() -> str:
    """Return the table of the routing options that the file may have."""
    rows = [
        [f"`{name}`", _policy_value(header), f"[`{header}`](headers.md)", _policy_docs().get(name, "")]
        for name, header in MEMBERS.items()
        if name not in REQUEST_MEMBERS
    ]
    return _markdown([["key", "value", "header", "meaning"], *rows])


def _policy_value(header: str) -> str:
    return POLICY_VALUES[HEADERS[header]] if header in HEADERS else "mapping"


def _policy_docs() -> Mapping[str, str]:
    options = schema()["properties"]["defaults"]["properties"]["policy"]["properties"]
    return {name: option["description"] for name, option in options.items()}


def _markdown(rows: list[list[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def links_of(page: str) -> dict[str, str]:
    """Return a link to the heading under which each type has its table."""
    found, link = {}, ""
    for heading, name in re.findall(r"^#+ (.*)|^<!-- keys of (\w+) -->", page, re.MULTILINE):
        if name:
            found[name] = link
        else:
            link = f"[{heading}](#{re.sub(NOT_IN_ANCHORS, '', heading.lower()).replace(' ', '-')})"
    return found


def with_tables(page: str) -> str:
    """Return the page with every table as the types have it now."""
    links = links_of(page)
    return BLOCK.sub(lambda found: f"<!-- keys of {found[1]} -->\n\n{table(found[1], links)}\n<!-- end -->\n", page)


def main() -> None:
    PAGE.write_text(with_tables(PAGE.read_text()))


if __name__ == "__main__":
    main()
