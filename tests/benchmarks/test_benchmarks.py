"""Every benchmark runs, in sizes too small to measure anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.growth import Listed
from benchmarks.report import BEGIN, END, PAGE, Report, Row
from benchmarks.sizes import TINY
from benchmarks.stage import Stage, opened_stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server of the benchmarks' own."""
    with opened_stage() as stage:
        yield stage


@pytest.mark.parametrize("name", BENCHMARKS)
async def test_a_benchmark_runs_and_fills_its_rows(name: str, stage: Stage) -> None:
    rows = await BENCHMARKS[name](stage, TINY)

    assert rows
    assert all(row.what and any(digit.isdigit() for digit in row.figure) for row in rows)


def test_a_report_replaces_what_stands_between_the_markers_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    report = Report("full", date(2026, 11, 21), "PostgreSQL 18.4", [Row("Ingest", "7 messages/s", "5 or more")])

    report.write(page)

    assert page.read_text(encoding="utf-8") == (
        f"before\n{BEGIN}\n\n2026-11-21, full sizes, PostgreSQL 18.4.\n\n"
        "| what | figure | bound |\n| --- | --- | --- |\n| Ingest | 7 messages/s | 5 or more |\n\n"
        f"{END}\nafter\n"
    )


def test_a_page_that_has_lost_its_markers_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers", encoding="utf-8")

    with pytest.raises(ValueError, match="no markers"):
        Report("full", date(2026, 11, 21), "", []).write(page)

    assert page.read_text(encoding="utf-8") == "no markers"


def test_the_page_of_the_benchmarks_has_its_markers() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert text.index(BEGIN) < text.index(END)


@pytest.mark.parametrize(
    ("is_full", "growth"),
    [
        ([True, True, True], 3.0),  # all pages are full: the smallest level is the measure
        ([False, True, True], 1.5),  # its page is short there, so the next one is
        ([False, False, False], 3.0),  # nothing to show anywhere
    ],
)
def test_growth_of_a_list_compares_pages_of_one_length(is_full: list[bool], growth: float) -> None:
    listed = Listed(seconds=[1.0, 2.0, 3.0], is_full=is_full)

    assert listed.growth == growth
