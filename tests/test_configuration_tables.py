"""The tables of docs/reference/configuration.md are up to date, and every key of them stands in an example that loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from msgspec import inspect

from proxy.config import key_pool, plain_values
from proxy.config.schema import ModelConfig, ModelRow, RoutingFile
from proxy.pipeline import REGISTRY
from proxy.routing.policy import MEMBERS
from proxy.routing.policy_levels import REQUEST_MEMBERS
from tests.configuration_tables import BLOCK, PAGE, POLICY, TYPES, links_of, struct_of, with_tables
from tests.running import build_generation
from tests.test_docs import CONFIG_KEYS, blocks

PROVIDERS = "providers: {openai: {dialect: openai, base_url: 'https://api.openai.com/v1', api_key: some-key}}\n"
EXAMPLES = [text for text in blocks(PAGE.read_text(), "yaml") if yaml.safe_load(text)]


def test_the_committed_tables_are_those_of_the_types() -> None:
    assert with_tables(PAGE.read_text()) == PAGE.read_text(), "run make docs"


def test_every_type_of_the_file_has_its_table() -> None:
    names = [name for name, _ in BLOCK.findall(PAGE.read_text())]
    assert sorted(names) == sorted([*TYPES, POLICY])


def test_a_table_links_to_the_heading_of_another() -> None:
    page = "# A\n## Small `limits`\n<!-- keys of ProviderLimits -->\n<!-- end -->\n<!-- keys of ModelDeployment -->\n<!-- end -->\n"
    assert links_of(page)["ProviderLimits"] == "[Small `limits`](#small-limits)"
    assert "| `limits` | [Small `limits`](#small-limits) | \N{EN DASH} |" in with_tables(page)
    assert "| `timeouts.connect` | duration | `5s` |" in with_tables(page)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads(text: str) -> None:
    names_own = {name for model in (yaml.safe_load(text).get("models") or {}).values() for name in targets(model)}
    own = "".join(f"  {name}: {{dialect: compatible, base_url: 'http://{name}'}}\n" for name in sorted(names_own))
    providers = "" if "providers:" in text else f"providers:\n{own}" if own else PROVIDERS
    assert build_generation(providers + text, CONFIG_KEYS | {"PARROT_REPORTS_KEY": "key"})


def targets(model: Any) -> list[str]:
    """The providers that a model of an example names."""
    rows = model.get("targets", model)
    return [row.get("provider", name) if isinstance(row, dict) else name for name, row in rows.items()]


def test_every_key_stands_in_an_example() -> None:
    used = {key for text in EXAMPLES for key in keys_used(inspect.type_info(RoutingFile), yaml.safe_load(text))}
    assert sorted(known_keys() - used) == []


def known_keys() -> set[tuple[str, str]]:
    """Every key of the file, with the name of its type."""
    found = {(POLICY, name) for name in MEMBERS if name not in REQUEST_MEMBERS}
    for kind in TYPES.values():
        found |= keys_of(kind)
    return found


def keys_of(kind: type) -> set[tuple[str, str]]:
    """The keys of a type, and of the types within it."""
    found = set()
    for field in inspect.type_info(kind).fields:  # type: ignore[union-attr]
        inner = struct_of(field.type)
        found |= {(kind.__name__, field.name)} | (keys_of(inner) if inner else set())
    return found


def keys_used(kind: inspect.Type, value: Any) -> Iterator[tuple[str, str]]:
    """Each key in a value of that type, with the name of the type that has it."""
    if isinstance(kind, inspect.UnionType):
        kind = next((each for each in kind.types if fits(each, value)), kind.types[0])
    if isinstance(kind, inspect.Metadata):
        yield from keys_used(kind.type, value)
    elif isinstance(kind, (inspect.DictType, inspect.VarTupleType, inspect.ListType)):
        items = kind.value_type if isinstance(kind, inspect.DictType) else kind.item_type
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from keys_used(items, each)
    elif isinstance(kind, (inspect.StructType, inspect.DataclassType)) and isinstance(value, dict):
        yield from keys_of_struct(kind, value)
    elif isinstance(kind, inspect.CustomType) and kind.cls is ModelRow:
        yield from keys_used(inspect.type_info(ModelConfig), value if "targets" in value else {"targets": value})
    elif isinstance(kind, inspect.CustomType) and kind.cls is key_pool.ApiKey:
        yield from keys_used(inspect.type_info(tuple[key_pool.PoolKeyConfig, ...]), value)


def fits(kind: inspect.Type, value: Any) -> bool:
    return isinstance(value, dict) == (struct_of(kind) is not None)


def keys_of_struct(kind: Any, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if kind.cls is plain_values.PolicyWords:
        yield from ((POLICY, name) for name in value)
        return
    fields = {field.encode_name: field for field in kind.fields}
    for name, inner in value.items():
        if name.startswith("x-"):
            continue
        yield kind.cls.__name__, name
        if name == "pipeline":
            for entry in filter(lambda each: isinstance(each, dict), inner):
                ((middleware, options),) = entry.items()
                yield from keys_used(inspect.type_info(REGISTRY[middleware]), options)
        else:
            yield from keys_used(fields[name].type, inner)
