"""The capability table of docs/reference/providers.md is up to date."""

from __future__ import annotations

from tests.capabilities import END, PAGE, START, replaced, table


async def test_the_committed_table_is_what_asking_finds() -> None:
    found = await table()
    assert "NO" not in found
    assert replaced(PAGE.read_text(), found) == PAGE.read_text()


def test_only_what_stands_between_the_marks_is_written_anew() -> None:
    assert replaced(f"a\n{START}old\n{END}b\n", "| new |\n") == f"a\n{START}\n| new |\n\n{END}b\n"
