"""The paths of files, batches and uploads, and what of a query is passed."""

from __future__ import annotations

import pytest

from proxy.ingress.resources import find_resource, passed_query


@pytest.mark.parametrize("path, sent, methods, is_content", [
    ("/v1/files", "/files", ("POST", "GET"), False),
    ("/v1/files/file-1_a", "/files/file-1_a", ("GET", "DELETE"), False),
    ("/v1/files/file-1/content", "/files/file-1/content", ("GET",), True),
    ("/v1/batches/batch_1/cancel", "/batches/batch_1/cancel", ("POST",), False),
    ("/v1/uploads/upload_1/parts", "/uploads/upload_1/parts", ("POST",), False),
])  # fmt: skip
def test_a_path_names_its_resource(path: str, sent: str, methods: tuple[str, ...], is_content: bool) -> None:
    resource = find_resource(path)
    assert resource is not None
    assert (resource.path, resource.methods, resource.is_content) == (sent, methods, is_content)


@pytest.mark.parametrize("path", [
    "/v1/models", "/v1/files/", "/v1/files/a/b", "/v1/files/..%2f", "/v1/files/a.b", "/v1/uploads/upload_1",
    "/v1/files/" + "x" * 129, "/v1/batches/a/content", "/v1/other/a",
])  # fmt: skip
def test_any_other_path_names_none(path: str) -> None:
    assert find_resource(path) is None


def test_only_known_parameters_are_passed() -> None:
    assert passed_query("/v1/files?key=secret&limit=5&after=a%26b&other=1") == "?limit=5&after=a%26b"
    assert passed_query("/v1/files?key=secret") == passed_query("/v1/files") == ""
