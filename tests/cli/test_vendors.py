"""The models that `parrot init` writes are current ones, as far as price lists know."""

from __future__ import annotations

import pytest
from genai_prices.data import providers

from proxy.cli.vendors import VENDORS, Vendor
from proxy.config.prices import bundled_prices
from proxy.config.texts import BaseUrl
from proxy.dialects import DIALECTS

LISTED = {"xai": "x-ai"}
"""A vendor's name in the public list, where it is another one."""


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_its_models_are_known(vendor: Vendor) -> None:
    for model in (vendor.large, vendor.small):
        if vendor.name in bundled_prices().vendors:
            assert bundled_prices().find(vendor.name, model) is not None, model
        else:
            [public] = [each for each in providers if each.id == LISTED.get(vendor.name, vendor.name)]
            assert public.find_model(model) is not None, model


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_its_dialect_and_address_are_valid(vendor: Vendor) -> None:
    assert vendor.dialect in DIALECTS and BaseUrl.parse(vendor.base_url)
    assert all(name.endswith("_API_KEY") for name in vendor.variables)


def test_names_variables_and_patterns_are_unique() -> None:
    for values in (
        [vendor.name for vendor in VENDORS],
        [name for vendor in VENDORS for name in vendor.variables],
        [pattern for vendor in VENDORS for pattern in vendor.patterns],
    ):
        assert len(values) == len(set(values))
