"""Ids of files, batches and uploads, and the account that has them. More in `tests/test_files.py`."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.attempts.resource_ids import keep_resource, place_resource, resolve_resource
from proxy.errors import InvalidRequestError, NotFoundError
from proxy.exchange import Exchange
from proxy.ingress.resources import Resource, find_resource
from proxy.messages import Response
from proxy.state.responses import Holder, KeptResponse
from tests.fakes import exchange_with_attempt, planned_exchange


def about(path: str, one: Exchange | None = None, **members: Any) -> tuple[Exchange, Resource]:
    one = one or planned_exchange()
    resource = one.resource = find_resource(path)
    assert resource is not None
    one.raw = orjson.dumps(members) if members else b""
    return one, resource


def keep_at(one: Exchange, id: str, provider: str, caller: str | None = None) -> None:
    one.runtime.responses.put(id, KeptResponse(caller, Holder(provider, "us")), one.runtime.clock())


@pytest.mark.parametrize("path, members", [("/v1/files/file-1", {}), ("/v1/batches", {"input_file_id": "file-1"})])
def test_a_known_id_leads_to_its_account(path: str, members: dict[str, Any]) -> None:
    one, resource = about(path, **members)
    keep_at(one, "file-1", "b")
    resolve_resource(one, resource)
    place_resource(one)
    assert [step.target.provider.name for step in one.decision.plan] == ["b"]


def test_an_unknown_id_is_left_to_the_accounts() -> None:
    one, resource = about("/v1/files/file-1")
    resolve_resource(one, resource)
    place_resource(one)
    assert one.continuation is not None and one.continuation.unknown == "file-1" and len(one.decision.plan) == 3


def test_the_only_account_is_not_asked_beforehand() -> None:
    one, resource = about("/v1/files/file-1", planned_exchange("c"))
    resolve_resource(one, resource)
    place_resource(one)
    assert one.continuation is not None and one.continuation.holder == Holder("c", "us")


def test_without_an_id_the_first_of_the_file_is_left() -> None:
    one, resource = about("/v1/files", planned_exchange("cab"))
    resolve_resource(one, resource)
    place_resource(one)
    assert [step.target.provider.name for step in one.decision.plan] == ["a"]


def test_what_is_another_callers_is_unknown() -> None:
    one, resource = about("/v1/files/file-1")
    keep_at(one, "file-1", "b", caller="another")
    with pytest.raises(NotFoundError, match="No such object: file-1"):
        resolve_resource(one, resource)


def test_an_id_must_be_text() -> None:
    one, resource = about("/v1/batches", input_file_id=["file-1"])
    with pytest.raises(InvalidRequestError, match="must be a string") as caught:
        resolve_resource(one, resource)
    assert caught.value.param == "input_file_id"


@pytest.mark.parametrize("answer, ids", [
    ({"id": "file-1"}, {"file-1"}),
    ({"id": "batch_1", "output_file_id": "file-2", "error_file_id": None}, {"batch_1", "file-2"}),
    ({"id": "upload_1", "file": {"id": "file-3"}}, {"upload_1", "file-3"}),
    ({"object": "list", "data": [{"id": "file-4"}]}, set()),
    ({"id": 5, "file": "file-1"}, set()),
])  # fmt: skip
def test_ids_are_learnt_from_answers(answer: Any, ids: set[str]) -> None:
    one, resource = about("/v1/files", exchange_with_attempt())
    keep_resource(one, resource, Response(200, {}, orjson.dumps(answer)))
    known = ("batch_1", "file-1", "file-2", "file-3", "file-4", "upload_1")
    assert {id for id in known if one.runtime.responses.get(id, None, one.runtime.clock())} == ids
