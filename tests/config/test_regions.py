"""Regions have the right zone and coordinates."""

from __future__ import annotations

import pytest

from proxy.config.regions import REGIONS, distance_km, find_region, region_distance_km

MEMBER_STATES = """
    eu eu-west-1 eu-west-3 eu-central-1 eu-north-1 eu-south-1 eu-south-2 eusc-de-east-1
    westeurope northeurope francecentral francesouth germanywestcentral germanynorth italynorth polandcentral
    spaincentral swedencentral austriaeast belgiumcentral denmarkeast swedensouth
    europe-west1 europe-west3 europe-west4 europe-west8 europe-west9 europe-west10 europe-west12 europe-central2
    europe-north1 europe-north2 europe-southwest1
"""


@pytest.mark.parametrize(
    ("zone", "names"),
    [
        ("UK", "eu-west-2 uksouth ukwest europe-west2"),
        ("CH", "eu-central-2 switzerlandnorth switzerlandwest europe-west6"),
        ("NO", "norwayeast norwaywest"),
        ("US", "us us-east-1 us-east-2 us-west-1 us-west-2 us-gov-west-1 eastus eastus2 westus3 us-central1 us-east4"),
        ("CA", "ca-central-1 ca-west-1 canadacentral northamerica-northeast1"),
        ("MX", "mx-central-1 mexicocentral northamerica-south1"),
        ("BR", "sa-east-1 brazilsouth southamerica-east1"),
        ("IN", "ap-south-1 ap-south-2 centralindia asia-south1 asia-south2"),
        ("JP", "ap-northeast-1 ap-northeast-3 japaneast asia-northeast1"),
        ("KR", "ap-northeast-2 koreacentral asia-northeast3"),
        ("SG", "ap-southeast-1 southeastasia asia-southeast1"),
        ("ID", "ap-southeast-3 indonesiacentral asia-southeast2"),
        ("AU", "ap-southeast-2 ap-southeast-4 australiaeast australia-southeast1"),
        ("NZ", "ap-southeast-6 newzealandnorth"),
        ("HK", "ap-east-1 eastasia asia-east2"),
        ("TW", "ap-east-2 taiwannorth asia-east1"),
        ("CN", "cn-north-1 cn-northwest-1 chinaeast"),
        ("AE", "me-central-1 uaenorth"),
        ("BH", "me-south-1"),
        ("QA", "me-central1 qatarcentral"),
        ("SA", "me-central2"),
        ("IL", "il-central-1 me-west1 israelcentral"),
        ("ZA", "af-south-1 southafricanorth africa-south1"),
        ("CL", "southamerica-west1 chilecentral"),
    ],
)
def test_a_region_is_in_the_zone_of_its_country(zone: str, names: str) -> None:
    assert {name: region.zone if (region := find_region(name)) else None for name in names.split()} == dict.fromkeys(
        names.split(), zone
    )


def test_eu_is_the_member_states_only() -> None:
    assert {name for name, region in REGIONS.items() if region.zone == "EU"} == set(MEMBER_STATES.split())


@pytest.mark.parametrize("name", ["global", "", "eu-west-9", "EU-WEST-1", "europe", "West Europe"])
def test_unknown_names_have_no_region(name: str) -> None:
    assert find_region(name) is None


@pytest.mark.parametrize(
    ("a", "b", "kilometres"),
    [
        ("eu-west-2", "eu-west-3", 344),  # London, Paris
        ("eu-central-1", "us-east-1", 6_560),  # Frankfurt, Northern Virginia
        ("ap-southeast-2", "ap-northeast-1", 7_820),  # Sydney, Tokyo
        ("sa-east-1", "af-south-1", 6_370),  # São Paulo, Cape Town
        ("newzealandnorth", "westus2", 11_400),  # over the date line
        ("eu-central-1", "europe-west3", 0),
    ],
)
def test_distances_are_in_kilometres(a: str, b: str, kilometres: float) -> None:
    assert distance_km(REGIONS[a], REGIONS[b]) == pytest.approx(kilometres, rel=0.02)


@pytest.mark.parametrize(
    ("place", "near", "far"),
    [
        ("us-west-2", "us-west-1", "eu-west-1"),
        ("us-west-2", "us-west1", "us-east-1"),
        ("eu-west-1", "uksouth", "eu-central-1"),
        ("eu", "eu-central-1", "eu-west-1"),
        ("ap-southeast-2", "newzealandnorth", "ap-southeast-1"),
        ("us-east-1", "eu-west-1", "ap-northeast-1"),
        ("ap-northeast-1", "westus2", "eastus"),
    ],
)
def test_distances_order_regions(place: str, near: str, far: str) -> None:
    assert distance_km(REGIONS[place], REGIONS[near]) < distance_km(REGIONS[place], REGIONS[far])


def test_distances_are_symmetric_and_at_most_half_the_circumference() -> None:
    for a in REGIONS.values():
        assert distance_km(a, a) == 0
        for b in REGIONS.values():
            assert distance_km(a, b) == distance_km(b, a) <= 20_016


def test_the_distance_to_an_unknown_region_is_infinite() -> None:
    assert region_distance_km("us-east-1", "eu-central-1") == distance_km(REGIONS["us-east-1"], REGIONS["eu-central-1"])
    assert region_distance_km("us-east-1", "us-east-1") == 0
    assert region_distance_km("us-east-1", "global") == region_distance_km("", "us-east-1") == float("inf")
