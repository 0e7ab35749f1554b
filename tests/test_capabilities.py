"""The capability table of docs/reference/providers.md is up to date."""

from __future__ import annotations

from tests.capabilities import END, FAILED, PAGE, START, replace_table, table


async def test_the_committed_table_matches_the_probes() -> None:
    generated = await table()
    assert FAILED not in generated
    assert replace_table(PAGE.read_text(), generated) == PAGE.read_text()


def test_only_the_text_between_the_markers_is_replaced() -> None:
    assert replace_table(f"a\n{START}old\n{END}b\n", "| new |\n") == f"a\n{START}\n| new |\n\n{END}b\n"
