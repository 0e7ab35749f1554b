"""Changes are listed one per line with their path, without secrets."""

from __future__ import annotations

import pytest

from proxy.config.diff import diff
from proxy.config.document import parse

SECRET = "canary"


def changes(old: str, new: str) -> list[str]:
    return diff(parse(old).root, parse(new).root)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("a: 1", "a: 1", []),
        ("a: 1", "{a: 1}  # in another style", []),
        ("a: 40", "a: 60", ["a: 40 -> 60"]),
        ("a: {b: {c: x}}", "a: {b: {c: y}}", ["a.b.c: x -> y"]),
        ("a: 1", "a: 1\nb: {c: 2}", ["b added"]),
        ("a: 1\nb: {c: 2}", "a: 1", ["b removed"]),
        ("{a: 1, b: 2}", "{b: 2, c: 3}", ["a removed", "c added"]),
        ("a: [x, y]", "a: [x, z]", ["a[1]: y -> z"]),
        ("a: [x, y]", "a: [x]", ["a changed"]),
        ("a: [x, {y: {z: 1}}]", "a: [x, {y: {z: 2}}]", ["a[1].y.z: 1 -> 2"]),
        ("a: x", "a: {b: x}", ["a changed"]),
        ("a: ${B}", "a: ${C}", ["a: ${B} -> ${C}"]),
        ("a: &x {b: 1}\nc: *x", "a: &x {b: 2}\nc: *x", ["a.b: 1 -> 2", "c.b: 1 -> 2"]),
        ("models: {'gpt-4.1': {a: x}}", "models: {'gpt-4.1': {a: y}}", ["models.gpt-4.1.a: x -> y"]),
        ("models: {'llama3:8b': {a: x}}", "models: {'llama3:8b': {a: y}}", ["models.llama3:8b.a: x -> y"]),
    ],
)
def test_each_change_is_a_line_with_its_path(old: str, new: str, lines: list[str]) -> None:
    found = diff(parse(old).root, parse(new).root, "drain")
    assert [line.removeprefix("drain.") for line in found] == lines


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("providers: {a: {api_key: VALUE}}", "providers.a.api_key changed"),
        ("providers: {a: {headers: {x-token: VALUE}}}", "providers.a.headers.x-token changed"),
        ("providers: {a: {query: {code: VALUE}}}", "providers.a.query.code changed"),
        (
            "pipeline: [{auth: {keys: [{name: app, value: VALUE}]}}]",
            "pipeline[0].auth.keys[0].value changed",
        ),
        ("pipeline: [{'mine.own:Stamp': {salt: VALUE}}]", "pipeline[0].mine.own:Stamp.salt changed"),
        ("admin: {key: VALUE}", "admin.key changed"),
        ("providers: {a: {base_url: 'https://gateway.test/VALUE/v1'}}", "providers.a.base_url changed"),
        ("providers: {a: {path: '/VALUE'}}", "providers.a.path changed"),
        (
            "providers: {a: {regions: {us: {base_url: 'https://VALUE.test'}}}}",
            "providers.a.regions.us.base_url changed",
        ),
        ("keys: {shared: VALUE}", "keys.shared changed"),
    ],
)
def test_secrets_are_reported_as_changed_only(template: str, line: str) -> None:
    assert changes(template.replace("VALUE", SECRET), template.replace("VALUE", SECRET + "2")) == [line]
    assert SECRET not in "".join(changes(template.replace("VALUE", f"[{SECRET}]"), template.replace("VALUE", SECRET)))
    assert SECRET not in "".join(changes("x: 1", template.replace("VALUE", SECRET)))
