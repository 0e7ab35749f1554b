"""The object that every program asks for: nested, with enums, numbers, lists and references."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import BaseModel, Field

BASE_URL = os.environ.get("COMPAT_BASE_URL", "")
MODEL = os.environ.get("COMPAT_MODEL", "")
KEY = "sk-compat"
QUESTION = "Call Trip, or answer in JSON."


class Place(BaseModel):
    name: str = Field(description="Name of the place")
    latitude: float
    visited: bool


class Stop(BaseModel):
    place: Place
    kind: Literal["sea", "land"]
    nights: int


class Trip(BaseModel):
    """A trip with its stops."""

    title: str
    start: Place
    stops: list[Stop]
    rating: Literal[1, 2, 3]
    note: str | None


Case = Callable[[], object]


def check(value: object) -> None:
    """Raise unless the value is a whole trip, or true."""
    if isinstance(value, bool):
        assert value, "not the answer to the tool's result"
        return
    trip = value if isinstance(value, Trip) else Trip.model_validate(value)
    assert trip.stops and trip.title, trip


def run(cases: Mapping[str, Case]) -> None:
    """Run each case and print what came of it as one line of JSON. A case returns a trip, or whether it went well."""
    results = {}
    for name, case in cases.items():
        try:
            check(case())
            results[name] = "ok"
        except Exception as error:  # noqa: BLE001 (whatever a library raises is the result)
            results[name] = f"{type(error).__name__}: {error}"[:300]
    sys.stdout.write(json.dumps(results) + "\n")
