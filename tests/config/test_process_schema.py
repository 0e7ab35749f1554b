"""The sections about the process: what they have by default, and which hosts a listener may have."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.process_schema import Admin, Drain, Listen


def test_one_host_is_a_list_of_one() -> None:
    assert (Listen().hosts, Listen(host=("::1", "127.0.0.1")).hosts) == (("127.0.0.1",), ("::1", "127.0.0.1"))
    assert (Admin().host, Admin().key, Drain().delay) == ("127.0.0.1", None, 0)


def test_an_empty_list_of_hosts_is_an_error_that_says_what_is_expected() -> None:
    with pytest.raises(ValueError, match=r"host: expected an address such as 127\.0\.0\.1, or a list of them"):
        Listen(host=())


@pytest.mark.parametrize("section", [Listen(), Drain()])
def test_sections_are_frozen(section: Any) -> None:
    with pytest.raises(AttributeError):
        section.timeout = 1
