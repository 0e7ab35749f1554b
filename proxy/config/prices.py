"""List prices of models: a bundled table by vendor and model name, in US dollars per token of text."""

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
    """Prices in USD per token. `cached_input` is for tokens read from the vendor's cache, `cache_write` for those written."""

    input: float
    output: float
    cached_input: float
    cache_write: float

    @classmethod
    def from_per_million(
        cls, input: float, output: float, cached_input: float | None = None, cache_write: float | None = None
    ) -> Self:
        """Convert prices in USD per million tokens. Cached tokens without a price of their own cost the input price."""
        return cls(
            input / MILLION,
            output / MILLION,
            (input if cached_input is None else cached_input) / MILLION,
            (input if cache_write is None else cache_write) / MILLION,
        )


@dataclass(frozen=True, slots=True)
class Price(Rates):
    """The rates of a model, its price tiers and context window."""

    tiers: tuple[tuple[int, Rates], ...] = ()
    """(tokens, rates): the rates of a request whose prompt is longer than that, longest first."""
    context_window: int | None = None
    """In tokens, if known."""

    def rates_for(self, prompt_tokens: int) -> Rates:
        """Return the rates of a request, which its number of prompt tokens decides."""
        return next((rates for above, rates in self.tiers if prompt_tokens > above), self)

    def cost(self, prompt_tokens: int, completion_tokens: int, cached: int = 0, cache_write: int = 0) -> float:
        """Return the price of a request in USD.

        `cached` and `cache_write` are parts of `prompt_tokens`. Negative counts are taken as 0.
        """
        rates = self.rates_for(prompt_tokens) if self.tiers else self
        cached, cache_write = max(cached, 0), max(cache_write, 0)
        return (
            max(prompt_tokens - cached - cache_write, 0) * rates.input
            + max(completion_tokens, 0) * rates.output
            + cached * rates.cached_input
            + cache_write * rates.cache_write
        )


@dataclass(frozen=True, slots=True)
class VendorPrices:
    """The prices of one vendor: by exact name, else by the first regular expression found in the name."""

    names: Mapping[str, Price]
    rules: tuple[tuple[re.Pattern[str], Price], ...]

    def find(self, name: str) -> Price | None:
        """Return the price of a model, whose name must be in lower case, or None."""
        return self.names.get(name) or next((price for rule, price in self.rules if rule.search(name)), None)


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of all vendors, by name: that of a dialect or of a host of open models."""

    vendors: Mapping[str, VendorPrices]

    def find(self, vendor: str, model: str) -> Price | None:
        """Return the price of a model, or None. An unlisted dated version has the price of the model without its date."""
        table = self.vendors.get(vendor)
        if table is None:
            return None
        name = model.lower()
        dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", name)
        return table.find(name) or table.find(dashed) or table.find(_DATE.sub("", dashed))


_Amounts = tuple[float, float, float | None, float | None]
"""USD per million tokens, in the order of the fields of Rates."""


class _Row(Struct, frozen=True, forbid_unknown_fields=True):
    """A model in prices.json."""

    price: _Amounts
    names: tuple[str, ...] = ()
    rule: str | None = None
    tiers: tuple[tuple[int, _Amounts], ...] = ()
    context_window: int | None = None


class _File(Struct, frozen=True):
    vendors: dict[str, tuple[_Row, ...]]


def parse_prices(text: bytes) -> Prices:
    """Parse a file in the form of prices.json. Raises msgspec.DecodeError."""
    return Prices({name: _vendor(rows) for name, rows in json.decode(text, type=_File).vendors.items()})


@cache
def bundled_prices() -> Prices:
    """Return the prices bundled with this version."""
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
        context_window=row.context_window,
    )


@lru_cache(maxsize=1024)
def list_price(vendor: str, dialect: str, model: str) -> Price | None:
    """Return the bundled price of a model, by the provider's name, else by its dialect, or None."""
    return bundled_prices().find(vendor, model) or bundled_prices().find(dialect, model)
