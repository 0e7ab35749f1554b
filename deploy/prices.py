"""Update proxy/config/prices.json, the built-in price table, from the package genai-prices: `make prices`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers

OUTPUT = Path(__file__).parent.parent / "proxy" / "config" / "prices.json"
VENDORS = ("openai", "anthropic", "google", "mistral", "cohere", "meta", "groq", "together", "fireworks", "cerebras")
KINDS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
"""In the order of the fields of `Rates`."""

Amount = float | None


def main() -> None:
    """Write the file, one model per line, so that price changes are readable as a diff."""
    today = datetime.combine(datetime.now(UTC), datetime.min.time(), UTC)
    known = {provider.id: provider for provider in providers}
    tables = [(name, [row for model in known[name].models if (row := _row(model, today))]) for name in VENDORS]
    vendors = ",\n".join(f"{json.dumps(name)}: [\n{_lines(rows)}\n]" for name, rows in tables)
    OUTPUT.write_text(f'{{"header": {json.dumps(_header(today), indent=1)},\n"vendors": {{\n{vendors}\n}}}}\n')
    print(f"{sum(len(rows) for _, rows in tables)} models, {OUTPUT.stat().st_size} bytes: {OUTPUT}")


def _header(today: datetime) -> dict[str, str]:
    package = distribution("genai-prices")
    text = next(path for path in package.files or () if path.name == "LICENSE").read_text()
    return {
        "what": "US dollars per million tokens of text: [input, output, input read from cache, input written to cache]",
        "source": "https://github.com/pydantic/genai-prices",
        "version": package.version,
        "as_of": today.date().isoformat(),
        "licence": package.metadata["License-Expression"],
        "licence_text": text,
    }


def _lines(rows: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)


def _row(model: types.ModelInfo, today: datetime) -> dict[str, Any] | None:
    """Return the row of a model, or None if it has no price per token."""
    prices = model.get_prices(today)
    if prices.input_mtok is None:
        return None
    names, others = _split_names(model.match)
    starts = sorted({start for kind in KINDS for start in _starts(getattr(prices, kind))})
    row = {
        "names": names,
        "rule": "|".join(_pattern(clause) for clause in others),
        "price": _rates(prices, 0),
        "tiers": [[start, _rates(prices, start + 1)] for start in starts],
        "context_window": model.context_window,
    }
    return {key: value for key, value in row.items() if value}


def _starts(price: Any) -> list[int]:
    return [tier.start for tier in price.tiers] if isinstance(price, types.TieredPrices) else []


def _rates(prices: types.ModelPrice, prompt: int) -> list[Amount]:
    """Return the price of each kind of token in a request with that many prompt tokens. Output without a price is free."""
    first, output, *cached = (_amount(getattr(prices, kind), prompt) for kind in KINDS)
    return [first, output or 0.0, *cached]


def _amount(price: Any, prompt: int) -> Amount:
    if isinstance(price, types.TieredPrices):
        price = next((tier.price for tier in reversed(price.tiers) if prompt > tier.start), price.base)
    return None if price is None else float(price)


def _split_names(clause: Any) -> tuple[list[str], list[Any]]:
    """Split a clause into the names it lists and the other alternatives."""
    clauses = list(_alternatives(clause))
    names = [each.equals.lower() for each in clauses if isinstance(each, types.ClauseEquals)]
    return names, [each for each in clauses if not isinstance(each, types.ClauseEquals)]


def _alternatives(clause: Any) -> Iterator[Any]:
    if isinstance(clause, types.ClauseOr):
        for each in clause.or_:
            yield from _alternatives(each)
    else:
        yield clause


def _pattern(clause: Any) -> str:
    """Return the clause as a regular expression, to be searched in a lower-case name."""
    return PATTERNS[type(clause)](clause)


def _escaped(text: str) -> str:
    return re.sub(r"[.+*?|^$()\[\]{}\\]", r"\\\g<0>", text.lower())


PATTERNS = {
    types.ClauseEquals: lambda clause: f"^{_escaped(clause.equals)}$",
    types.ClauseStartsWith: lambda clause: f"^{_escaped(clause.starts_with)}",
    types.ClauseEndsWith: lambda clause: f"{_escaped(clause.ends_with)}$",
    types.ClauseContains: lambda clause: _escaped(clause.contains),
    types.ClauseRegex: lambda clause: f"(?:{clause.regex})",
    types.ClauseOr: lambda clause: f"(?:{'|'.join(map(_pattern, clause.or_))})",
    types.ClauseAnd: lambda clause: "^" + "".join(f"(?=.*?{_pattern(each)})" for each in clause.and_),
}

if __name__ == "__main__":
    main()
