"""What a model costs: the shipped table, by vendor and model name, as US dollars per token of text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Self

from msgspec import Struct, json

MILLION = 1_000_000

_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)$")
_DATE = re.compile(r"-20\d\d-\d\d-\d\d$")


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per token of text; `cached_input` is read from the vendor's cache, `cache_write` goes into it."""

    input: float
    output: float
    cached_input: float
    cache_write: float

    @classmethod
    def from_per_million(
        cls, input: float, output: float, cached_input: float | None = None, cache_write: float | None = None
    ) -> Self:
        """From dollars per million tokens, as vendors print them; cached tokens without a price cost what others do."""
        return cls(
            input / MILLION,
            output / MILLION,
            (input if cached_input is None else cached_input) / MILLION,
            (input if cache_write is None else cache_write) / MILLION,
        )


@dataclass(frozen=True, slots=True)
class Price(Rates):
    """The rates of a model, and how much it reads."""

    tiers: tuple[tuple[int, Rates], ...] = ()
    """The rates for all of a request whose prompt has more tokens than that, longest prompts first."""
    context_window: int | None = None
    """Tokens, where known."""

    def rates_for(self, prompt_tokens: int) -> Rates:
        """What holds for all of a request with a prompt of that length."""
        return next((rates for above, rates in self.tiers if prompt_tokens > above), self) if self.tiers else self

    def cost(self, prompt_tokens: int, completion_tokens: int, cached: int = 0, cache_write: int = 0) -> float:
        """US dollars for one request; `cached` and `cache_write` are parts of the prompt; less than none is none."""
        rates, cached, cache_write = self.rates_for(prompt_tokens), max(cached, 0), max(cache_write, 0)
        return (
            max(prompt_tokens - cached - cache_write, 0) * rates.input
            + max(completion_tokens, 0) * rates.output
            + cached * rates.cached_input
            + cache_write * rates.cache_write
        )


@dataclass(frozen=True, slots=True)
class VendorPrices:
    """The prices of one vendor: by name, then by the first rule found in a name."""

    names: Mapping[str, Price]
    rules: tuple[tuple[re.Pattern[str], Price], ...]

    def find(self, name: str) -> Price | None:
        """The price of the model that is called this, in lower case."""
        return self.names.get(name) or next((price for rule, price in self.rules if rule.search(name)), None)


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of all vendors, by the vendor's name: a dialect's, or that of a host of open models."""

    vendors: Mapping[str, VendorPrices]

    def find(self, vendor: str, model: str) -> Price | None:
        """The price of a model or, of a dated version that is not listed, of the model without its date."""
        table = self.vendors.get(vendor)
        if table is None:
            return None
        name = model.lower()
        dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", name)
        return table.find(name) or table.find(dashed) or table.find(_DATE.sub("", dashed))


_Amounts = tuple[float, float, float | None, float | None]
"""US dollars per million tokens, in the order of Rates' fields."""


class _Row(Struct, frozen=True, forbid_unknown_fields=True):
    """A model as the file has it."""

    price: _Amounts
    names: tuple[str, ...] = ()
    rule: str | None = None
    tiers: tuple[tuple[int, _Amounts], ...] = ()
    context: int | None = None


class _File(Struct, frozen=True):
    vendors: dict[str, tuple[_Row, ...]]


def parse_prices(text: bytes) -> Prices:
    """The prices in a file such as the shipped one; msgspec.ValidationError if it is not one."""
    return Prices({name: _vendor(rows) for name, rows in json.decode(text, type=_File).vendors.items()})


@cache
def bundled_prices() -> Prices:
    """The prices that came with this version."""
    return parse_prices(Path(__file__).with_name("prices.json").read_bytes())


def _vendor(rows: tuple[_Row, ...]) -> VendorPrices:
    priced = [(row, _price(row)) for row in rows]
    return VendorPrices(
        names={name: price for row, price in reversed(priced) for name in row.names},
        rules=tuple((re.compile(row.rule), price) for row, price in priced if row.rule),
    )


def _price(row: _Row) -> Price:
    return replace(
        Price.from_per_million(*row.price),
        tiers=tuple((above, Rates.from_per_million(*amounts)) for above, amounts in reversed(row.tiers)),
        context_window=row.context,
    )


@lru_cache(maxsize=1024)
def list_price(vendor: str, dialect: str, model: str) -> Price | None:
    """The shipped price of a model, by the provider's own name, else by what it speaks."""
    return bundled_prices().find(vendor, model) or bundled_prices().find(dialect, model)
