"""The text below a field is its description."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from proxy.config.field_docs import field_docs
from proxy.config.json_schema import json_schema
from proxy.config.units import Seconds


class Base(Struct):
    """A record."""

    first: int = 1
    """The first, `1` by
    default."""
    other: int = 2


@dataclass
class More:
    """Options."""

    limit: int
    """How many."""
    wait: Seconds = Seconds(1)
    """How long."""


class Derived(Base):
    """The same and more."""

    last: str = ""
    """The last."""

    def method(self) -> None:
        """Do nothing."""


def test_the_text_below_a_field_is_returned_on_one_line() -> None:
    assert field_docs(Base) == {"first": "The first, `1` by default."}
    assert field_docs(Derived) == {"first": "The first, `1` by default.", "last": "The last."}
    assert field_docs(int) == {}


def test_it_is_the_description_in_the_schema() -> None:
    members = json_schema(More)["properties"]
    assert members["limit"]["description"] == "How many."
    assert members["wait"]["description"] == f"How long. Written as {Seconds.expected}."
