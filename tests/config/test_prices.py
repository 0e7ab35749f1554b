"""Prices equal those of genai-prices, the source of the table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider

from proxy.config import prices
from proxy.config.prices import Price, Prices, Rates, bundled_prices, parse_prices

FILE = Path(prices.__file__).with_name("prices.json")
HEADER = json.loads(FILE.read_bytes())["header"]
AS_OF = datetime.fromisoformat(HEADER["as_of"]).replace(tzinfo=UTC)
PROVIDERS = {provider.id: provider for provider in providers}
COUNTS = [(1000, 500, 0, 0), (0, 0, 0, 0), (200_000, 1, 0, 0), (200_001, 1, 0, 0), (300_000, 900, 100_000, 20_000)]


def source_cost(provider: Provider, model: ModelInfo, counts: tuple[int, int, int, int]) -> float:
    keys = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    usage = Usage(**dict(zip(keys, counts, strict=True)))
    return float(model.calc_price(usage, provider, genai_request_timestamp=AS_OF).total_price)


@pytest.mark.parametrize(
    ("vendor", "model", "rates"),
    [
        ("openai", "gpt-4o", (2.5, 10, 1.25, 2.5)),
        ("openai", "gpt-4o-2024-05-13", (5, 15, 5, 5)),
        ("openai", "gpt-4o-mini", (0.15, 0.6, 0.075, 0.15)),
        ("anthropic", "claude-opus-4-5", (5, 25, 0.5, 6.25)),
        ("google", "gemini-2.5-pro", (1.25, 10, 0.125, 1.25)),
        ("cohere", "command-a-03-2025", (2.5, 10, 2.5, 2.5)),
    ],
)
def test_bundled_prices_equal_published_ones(vendor: str, model: str, rates: tuple[float, float, float, float]) -> None:
    price = bundled_prices().find(vendor, model)
    assert price
    found = (price.input, price.output, price.cached_input, price.cache_write)
    assert [rate * 1_000_000 for rate in found] == pytest.approx(rates)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "gpt-4o"),
        ("openai", "gpt-4o-mini-2024-07-18"),
        ("openai", "GPT-4.1"),
        ("openai", "gpt-4.1-20250414"),
        ("openai", "text-embedding-3-small"),
        ("anthropic", "claude-opus-4-5-20251101"),
        ("anthropic", "claude-haiku-4-5"),
        ("google", "gemini-2.5-pro"),
        ("google", "gemini-2.5-pro-preview-06-05"),
        ("google", "gemini-2.5-flash"),
        ("mistral", "mistral-large-latest"),
        ("cohere", "command-a-03-2025"),
        ("meta", "muse-spark-1.1"),
        ("groq", "llama-3.3-70b-versatile"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ],
)
def test_costs_equal_those_of_the_source(vendor: str, model: str, counts: tuple[int, int, int, int]) -> None:
    price, source = bundled_prices().find(vendor, model), PROVIDERS[vendor].find_model(model)
    assert price
    assert source
    assert price.cost(*counts) == pytest.approx(source_cost(PROVIDERS[vendor], source, counts), abs=1e-12)


def texts(clause: Any) -> Iterator[str]:
    for kind in ("equals", "starts_with", "ends_with", "contains"):
        if text := getattr(clause, kind, None):
            yield text
    for each in getattr(clause, "or_", ()) or getattr(clause, "and_", ()):
        yield from texts(each)


def names(provider: Provider) -> Iterator[str]:
    """Every name and piece of a name that the source knows, and what could be confused with them."""
    for model in provider.models:
        for text in {model.id, *texts(model.match)}:
            yield from (text, f"{text}-preview", f"{text}-latest", f"{text}-tts", f"x{text}", f"models/{text}")


@pytest.mark.parametrize("vendor", sorted(bundled_prices().vendors))
def test_every_name_finds_the_same_model_as_the_source(vendor: str) -> None:
    provider = PROVIDERS[vendor]
    for name in names(provider):
        price, source = bundled_prices().find(vendor, name), provider.find_model(name)
        if source is None or source.get_prices(AS_OF).input_mtok is None:
            assert price is None, name
        else:
            assert price, name
            assert price.cost(*COUNTS[-1]) == pytest.approx(source_cost(provider, source, COUNTS[-1]), abs=1e-12), name
            assert price.context_window == source.context_window, name


def test_the_table_is_of_the_installed_source_version() -> None:
    assert (HEADER["source"], HEADER["licence"]) == ("https://github.com/pydantic/genai-prices", "MIT")
    assert "Permission is hereby granted" in HEADER["licence_text"]
    assert HEADER["version"] == version("genai-prices"), "run `make prices`"
    assert FILE.stat().st_size < 200_000


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "gpt-unheard-of"),
        ("openai", ""),
        ("openai", "my-gpt-4o"),
        ("openai", "claude-opus-4-5"),
        ("openai", "whisper-1"),
        ("mistral", "mistral-ocr-latest"),
        ("google", "gemma-3"),
        ("unknown", "gpt-4o"),
        ("", ""),
    ],
)
def test_an_unknown_model_has_no_price(vendor: str, model: str) -> None:
    assert bundled_prices().find(vendor, model) is None


@pytest.mark.parametrize("name", ["gpt-4o-2031-02-03", "gpt-4o-20310203", "GPT-4o-2031-02-03"])
def test_an_unlisted_version_has_the_price_of_its_model(name: str) -> None:
    assert bundled_prices().find("openai", name) is bundled_prices().find("openai", "gpt-4o")


PRICE = Price(1.0, 10.0, 0.5, 2.0, tiers=((200, Rates(4.0, 40.0, 3.0, 5.0)), (100, Rates(2.0, 20.0, 1.0, 3.0))))


@pytest.mark.parametrize(
    ("counts", "dollars"),
    [
        ((0, 0), 0),
        ((10, 0), 10),
        ((0, 3), 30),
        ((10, 1, 4), 6 + 10 + 2),
        ((10, 1, 4, 5), 1 + 10 + 2 + 10),
        ((100, 1), 110),
        ((101, 1), 202 + 20),
        ((200, 1), 400 + 20),
        ((201, 1, 1, 1), 199 * 4 + 40 + 3 + 5),
        ((-5, -5), 0),
        ((10, 1, -4, -4), 20),
        ((10, 1, 20), 10 + 10),  # more from the cache than the prompt has: as reported
    ],
)
def test_every_token_is_charged_once_at_its_rate(counts: tuple[int, ...], dollars: float) -> None:
    assert PRICE.cost(*counts) == dollars


def test_prices_per_million_become_prices_per_token() -> None:
    price = Price.from_per_million(2.0, 6.0)
    assert price == Price(2e-6, 6e-6, 2e-6, 2e-6)
    assert Price.from_per_million(2.0, 6.0, 0.0, 2.5) == Price(2e-6, 6e-6, 0.0, 2.5e-6)
    assert price.cost(1000, 500) == pytest.approx(0.005)


ROWS = """{"vendors": {"v": [
    {"names": ["m-one"], "price": [1, 1, null, null]},
    {"rule": "^m-", "price": [2, 2, null, null], "context_window": 8},
    {"names": ["n", "m-two"], "rule": "one$|^o", "price": [3, 3, 1, 4],
     "tiers": [[5, [6, 6, 2, 8]], [9, [7, 7, 3, 9]]]},
    {"names": ["n"], "price": [4, 4, null, null]}
]}}"""


@pytest.mark.parametrize(
    ("name", "dollars"), [("m-one", 1), ("m-1", 2), ("M-ONE-2", 2), ("m-two", 3), ("n", 3), ("one", 3), ("o", 3)]
)
def test_names_precede_rules_and_earlier_entries_later_ones(name: str, dollars: float) -> None:
    price = parse_prices(ROWS.encode()).find("v", name)
    assert price
    assert price.cost(1, 0) * 1_000_000 == dollars


def test_tiers_are_ordered_by_prompt_length() -> None:
    price = parse_prices(ROWS.encode()).find("v", "n")
    assert price
    assert [above for above, _ in price.tiers] == [9, 5]
    assert [price.cost(tokens, 0) * 1_000_000 / tokens for tokens in (5, 6, 9, 10)] == pytest.approx([3, 6, 6, 7])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"vendors": {"v": [{}]}}', '{"vendors": {"v": [{"price": [1]}]}}'])
def test_an_invalid_price_file_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        parse_prices(text.encode())


def test_a_price_file_may_be_empty() -> None:
    assert parse_prices(b'{"vendors": {}}') == Prices({})
