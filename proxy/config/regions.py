"""Cloud regions: their coordinates and the residency zone they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, inf, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0
"""Mean radius."""


@dataclass(frozen=True, slots=True)
class CloudRegion:
    """Latitude and longitude in degrees north and east, and the residency zone.

    Zone `EU` is the member states of the European Union only: Norway is `NO`, although the EEA has the same data
    protection law, Switzerland `CH`, the United Kingdom `UK`. Every other zone is the ISO 3166-1 code of a country.
    """

    latitude: float
    longitude: float
    zone: str


def find_region(name: str) -> CloudRegion | None:
    """Return the region with this name of AWS, Azure or Google Cloud, or None if it is unknown or `global`."""
    return REGIONS.get(name)


def distance_km(a: CloudRegion, b: CloudRegion) -> float:
    """Return the great-circle distance (haversine formula)."""
    north = sin(radians(b.latitude - a.latitude) / 2) ** 2
    east = sin(radians(b.longitude - a.longitude) / 2) ** 2
    chord = north + cos(radians(a.latitude)) * cos(radians(b.latitude)) * east
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(chord, 1.0)))


@lru_cache(maxsize=2**16)
def region_distance_km(a: str, b: str) -> float:
    """Return the distance between two regions by name, or infinity if one is unknown."""
    first, second = find_region(a), find_region(b)
    return distance_km(first, second) if first and second else inf


# A location, as exactly as vendors publish it (mostly a city, sometimes a state), and its regions: AWS, Azure, Google Cloud.
# `us` and `eu` are Google Cloud's multi-regions and Azure's data zones: the United States, and member states only.
_LOCATIONS = (
    (39.8, -98.6, "US", "us"),  # the middle of the contiguous states
    (49.8, 9.9, "EU", "eu"),  # the middle of the Union, near Würzburg
    # North America
    (39.0, -77.5, "US", "us-east-1 us-east4"),  # Northern Virginia
    (37.4, -79.8, "US", "eastus"),  # Virginia
    (36.7, -78.4, "US", "eastus2 usgovvirginia usdodeast"),  # Boydton, Virginia
    (40.0, -83.0, "US", "us-east-2 us-gov-east-1 us-east5"),  # Columbus, Ohio
    (33.2, -80.0, "US", "us-east1"),  # Moncks Corner, South Carolina
    (41.3, -95.9, "US", "us-central1"),  # Council Bluffs, Iowa
    (41.6, -93.6, "US", "centralus usdodcentral"),  # Des Moines, Iowa
    (41.9, -87.6, "US", "northcentralus"),  # Chicago
    (29.4, -98.5, "US", "southcentralus usgovtexas"),  # San Antonio
    (32.8, -96.8, "US", "us-south1"),  # Dallas
    (41.1, -104.8, "US", "westcentralus"),  # Cheyenne
    (40.8, -111.9, "US", "us-west3"),  # Salt Lake City
    (36.2, -115.1, "US", "us-west4"),  # Las Vegas
    (33.4, -112.1, "US", "westus3 usgovarizona"),  # Phoenix
    (34.1, -118.2, "US", "us-west2"),  # Los Angeles
    (37.4, -121.9, "US", "us-west-1 westus"),  # Northern California
    (45.6, -121.2, "US", "us-west1"),  # The Dalles, Oregon
    (45.8, -119.7, "US", "us-west-2 us-gov-west-1"),  # Boardman, Oregon
    (47.2, -119.9, "US", "westus2"),  # Quincy, Washington
    (45.5, -73.6, "CA", "ca-central-1 northamerica-northeast1"),  # Montréal
    (46.8, -71.2, "CA", "canadaeast"),  # Québec
    (43.7, -79.4, "CA", "canadacentral northamerica-northeast2"),  # Toronto
    (51.0, -114.1, "CA", "ca-west-1"),  # Calgary
    (20.6, -100.4, "MX", "mx-central-1 mexicocentral northamerica-south1"),  # Querétaro
    # South America
    (-23.5, -46.6, "BR", "sa-east-1 brazilsouth southamerica-east1"),  # São Paulo
    (-22.9, -43.2, "BR", "brazilsoutheast"),  # Rio de Janeiro
    (-33.4, -70.7, "CL", "chilecentral southamerica-west1"),  # Santiago
    # European Union
    (53.3, -6.3, "EU", "eu-west-1 northeurope"),  # Dublin
    (48.9, 2.4, "EU", "eu-west-3 francecentral europe-west9"),  # Paris
    (43.3, 5.4, "EU", "francesouth"),  # Marseille
    (50.8, 4.4, "EU", "belgiumcentral"),  # Brussels
    (50.5, 3.8, "EU", "europe-west1"),  # Saint-Ghislain
    (52.4, 4.9, "EU", "westeurope"),  # Amsterdam
    (53.4, 6.8, "EU", "europe-west4"),  # Eemshaven
    (50.1, 8.7, "EU", "eu-central-1 germanywestcentral europe-west3"),  # Frankfurt
    (52.5, 13.4, "EU", "germanynorth europe-west10"),  # Berlin
    (52.4, 13.1, "EU", "eusc-de-east-1"),  # Potsdam, Brandenburg
    (48.2, 16.4, "EU", "austriaeast"),  # Vienna
    (52.2, 21.0, "EU", "polandcentral europe-central2"),  # Warsaw
    (55.7, 12.6, "EU", "denmarkeast"),  # Copenhagen
    (55.6, 13.0, "EU", "swedensouth"),  # Malmö
    (59.3, 18.1, "EU", "eu-north-1 europe-north2"),  # Stockholm
    (60.7, 17.1, "EU", "swedencentral"),  # Gävle
    (60.6, 27.2, "EU", "europe-north1"),  # Hamina
    (45.5, 9.2, "EU", "eu-south-1 italynorth europe-west8"),  # Milan
    (45.1, 7.7, "EU", "europe-west12"),  # Turin
    (41.6, -0.9, "EU", "eu-south-2"),  # Zaragoza
    (40.4, -3.7, "EU", "spaincentral europe-southwest1"),  # Madrid
    # Europe outside the Union
    (51.5, -0.1, "UK", "eu-west-2 uksouth europe-west2"),  # London
    (51.5, -3.2, "UK", "ukwest"),  # Cardiff
    (47.4, 8.5, "CH", "eu-central-2 switzerlandnorth europe-west6"),  # Zürich
    (46.2, 6.1, "CH", "switzerlandwest"),  # Geneva
    (59.9, 10.8, "NO", "norwayeast"),  # Oslo
    (59.0, 5.7, "NO", "norwaywest"),  # Stavanger
    # Middle East and Africa
    (32.1, 34.8, "IL", "il-central-1 israelcentral me-west1"),  # Tel Aviv
    (26.1, 50.6, "BH", "me-south-1"),  # Manama
    (26.4, 50.1, "SA", "me-central2"),  # Dammam
    (25.3, 51.5, "QA", "qatarcentral me-central1"),  # Doha
    (24.5, 54.4, "AE", "uaecentral"),  # Abu Dhabi
    (25.2, 55.3, "AE", "me-central-1 uaenorth"),  # Dubai
    (-33.9, 18.4, "ZA", "af-south-1 southafricawest"),  # Cape Town
    (-26.2, 28.0, "ZA", "southafricanorth africa-south1"),  # Johannesburg
    # Asia
    (19.1, 72.9, "IN", "ap-south-1 westindia asia-south1"),  # Mumbai
    (18.5, 73.9, "IN", "centralindia"),  # Pune
    (17.4, 78.5, "IN", "ap-south-2"),  # Hyderabad
    (13.1, 80.3, "IN", "southindia"),  # Chennai
    (22.5, 70.1, "IN", "jioindiawest"),  # Jamnagar
    (21.1, 79.1, "IN", "jioindiacentral"),  # Nagpur
    (28.6, 77.2, "IN", "asia-south2"),  # Delhi
    (13.8, 100.5, "TH", "ap-southeast-7 asia-southeast3"),  # Bangkok
    (3.1, 101.7, "MY", "ap-southeast-5 malaysiawest"),  # Kuala Lumpur
    (1.3, 103.8, "SG", "ap-southeast-1 southeastasia asia-southeast1"),  # Singapore
    (-6.2, 106.8, "ID", "ap-southeast-3 indonesiacentral asia-southeast2"),  # Jakarta
    (22.3, 114.2, "HK", "ap-east-1 eastasia asia-east2"),  # Hong Kong
    (25.0, 121.5, "TW", "ap-east-2 taiwannorth"),  # Taipei
    (24.1, 120.5, "TW", "asia-east1"),  # Changhua
    (39.9, 116.4, "CN", "cn-north-1 chinanorth chinanorth2"),  # Beijing
    (40.8, 114.9, "CN", "chinanorth3"),  # Zhangjiakou, Hebei
    (37.5, 105.2, "CN", "cn-northwest-1"),  # Zhongwei, Ningxia
    (31.2, 121.5, "CN", "chinaeast chinaeast2 chinaeast3"),  # Shanghai
    (37.6, 127.0, "KR", "ap-northeast-2 koreacentral asia-northeast3"),  # Seoul
    (35.2, 129.0, "KR", "koreasouth"),  # Busan
    (35.7, 139.7, "JP", "ap-northeast-1 japaneast asia-northeast1"),  # Tokyo
    (34.7, 135.5, "JP", "ap-northeast-3 japanwest asia-northeast2"),  # Osaka
    # Oceania
    (-33.9, 151.2, "AU", "ap-southeast-2 australiaeast australia-southeast1"),  # Sydney
    (-35.3, 149.1, "AU", "australiacentral australiacentral2"),  # Canberra
    (-37.8, 145.0, "AU", "ap-southeast-4 australiasoutheast australia-southeast2"),  # Melbourne
    (-36.8, 174.8, "NZ", "ap-southeast-6 newzealandnorth"),  # Auckland
)

REGIONS: Mapping[str, CloudRegion] = {
    name: CloudRegion(latitude, longitude, zone)
    for latitude, longitude, zone, names in _LOCATIONS
    for name in names.split()
}
