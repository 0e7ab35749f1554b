"""The caller's error where every attempt has failed."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import AllProvidersFailedError, ConnectError, UpstreamTimeout
from tests.attempts.fixtures import run_attempts
from tests.fakes import PROVIDER_KEY
from tests.virtual_time import virtual_time

LIMITED = (429, {})
STOP = {"x-should-retry": "false"}


@pytest.mark.parametrize(
    ("rows", "status", "code", "headers"),
    [
        ([(429, {"Retry-After": "7"}), (429, {"Retry-After": "3"}), LIMITED], 429, "rate_limit_exceeded",
         {"Retry-After": "3"}),
        ([LIMITED] * 3, 429, "rate_limit_exceeded", {"Retry-After": "5"}),
        ([(429, {"Retry-After": "9" * 5000})] * 3, 429, "rate_limit_exceeded", {"Retry-After": "5"}),
        ([(429, {"Retry-After": "4.2"})] * 3, 429, "rate_limit_exceeded", {"Retry-After": "5"}),
        ([(429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})] * 4, 429, "rate_limit_exceeded", STOP),
        ([402, LIMITED, 402], 429, "rate_limit_exceeded", {"Retry-After": "5"}),
        ([402, 402, 402], 429, "insufficient_quota", STOP),
        ([UpstreamTimeout("late"), 504, UpstreamTimeout("late")], 504, "upstream_timeout", STOP),
        ([529] * 3, 503, "server_is_overloaded", STOP),
        ([500, 503, 502, 500], 502, "all_providers_failed", STOP),
        ([ConnectError("no")] * 3, 502, "all_providers_failed", STOP),
        ([(429, {"Retry-After": "7"}), 500, 500, LIMITED], 502, "all_providers_failed", STOP),
        ([401, 402, 404], 502, "all_providers_failed", STOP),
    ],
)  # fmt: skip
@virtual_time
async def test_if_all_fail_alike_the_status_says_so_and_otherwise_it_is_502(rows, status, code, headers):
    error = (await run_attempts(rows)).error
    assert isinstance(error, AllProvidersFailedError)
    assert (error.status, error.code, error.headers) == (status, code, headers)


@pytest.mark.parametrize(
    ("rows", "headers"),
    [
        ([500, 500], {}),
        ([ConnectError("no")], {}),
        ([529], {}),
        ([UpstreamTimeout("late")], {}),
        ([401], STOP),
        ([402], STOP),
        ([404], STOP),
        ([LIMITED], {"Retry-After": "5"}),
    ],
)
@virtual_time
async def test_with_one_provider_the_sdks_own_back_off_works_where_a_retry_may_help(rows, headers):
    assert (await run_attempts(rows, "a")).error.headers == headers


@virtual_time
async def test_the_error_lists_every_attempt_and_no_secret():
    running = await run_attempts([ConnectError("cannot connect to a.test: refused"), 529, LIMITED])
    error = orjson.loads(running.error.body())["error"]
    assert [(each["provider"], each["outcome"], each["status"]) for each in error["attempts"]] == [
        ("a", "connection_error", None), ("b", "model_overloaded", 503), ("c", "rate_limit", 429),
    ]  # fmt: skip
    assert error["type"] == "upstream_error"
    assert "tried a@us/m-a (connection_error), b@us/m-b (model_overloaded), c@us/m-c (rate_limit)" in error["message"]
    assert error["message"].endswith("last error: said 429")
    assert PROVIDER_KEY not in running.error.body().decode()
