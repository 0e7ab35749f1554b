"""The tables of docs/reference/clients.md are up to date."""

from __future__ import annotations

from tests.clients import END, FAILED, PAGE, START, replace_tables, tables


async def test_the_committed_tables_match_the_probes() -> None:
    generated = await tables()
    assert FAILED not in generated
    assert replace_tables(PAGE.read_text(), generated) == PAGE.read_text()


def test_only_the_text_between_the_markers_is_replaced() -> None:
    assert replace_tables(f"a\n{START}old\n{END}b\n", "new\n") == f"a\n{START}\nnew\n\n{END}b\n"
