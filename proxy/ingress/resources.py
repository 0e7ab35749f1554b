"""What providers keep for a caller under an id: files, batches and uploads. The paths and methods of their operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

OPERATIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "batches": {"": ("POST", "GET"), "/{id}": ("GET",), "/{id}/cancel": ("POST",)},
    "files": {"": ("POST", "GET"), "/{id}": ("GET", "DELETE"), "/{id}/content": ("GET",)},
    "uploads": {"": ("POST",), "/{id}/cancel": ("POST",), "/{id}/complete": ("POST",), "/{id}/parts": ("POST",)},
}
"""Kind of resource, which is also the endpoint -> what follows it in the path -> methods."""

FILE_OF_BATCH = "input_file_id"
"""The member of a batch with the id of a file, at whose account it must be."""

_PATH = re.compile(r"/v1/(?P<kind>[a-z]+)(?:/(?P<id>[A-Za-z0-9_-]{1,128})(?P<below>/[a-z]+)?)?")
_PASSED = frozenset({"after", "before", "limit", "order", "purpose"})
"""Parameters of the query that a provider gets. A key may be among the others."""


class Resource(NamedTuple):
    """What a request is about."""

    kind: str
    id: str
    """Empty for the list of all, and where one is created."""
    operation: str
    """What follows the kind, with `{id}` for the id."""

    @property
    def path(self) -> str:
        """The path at the provider."""
        return f"/{self.kind}{self.operation.replace('{id}', self.id)}"

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that the path has."""
        return OPERATIONS[self.kind][self.operation]

    @property
    def is_content(self) -> bool:
        """Whether the answer is the content of a file, of whatever type."""
        return self.operation == "/{id}/content"


def find_resource(path: str) -> Resource | None:
    """Return what a path is about, None if that is no resource."""
    found = _PATH.fullmatch(path)
    if found is None or found["kind"] not in OPERATIONS:
        return None
    operation = ("/{id}" if found["id"] else "") + (found["below"] or "")
    known = operation in OPERATIONS[found["kind"]]
    return Resource(found["kind"], found["id"] or "", operation) if known else None


def passed_query(path: str) -> str:
    """Return the query of a path with the parameters that a provider gets, `?` included."""
    passed = [(name, value) for name, value in parse_qsl(path.partition("?")[2]) if name in _PASSED]
    return f"?{urlencode(passed)}" if passed else ""
