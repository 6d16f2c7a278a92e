"""The figures: on the screen, and between the markers of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN = "<!-- figures: written by `make bench` -->"
END = "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `bound` is what we aim for, empty where the figure only informs."""

    what: str
    figure: str
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run, and where they were taken."""

    sizes: str
    day: date
    surroundings: str
    rows: Sequence[Row]

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(title=f"Benchmarks, {self.sizes} sizes, {self.day}", caption=self.surroundings)
        for name in ("What", "Figure", "Bound"):
            table.add_column(name)
        for row in self.rows:
            table.add_row(row.what, row.figure, row.bound)
        console.print(table)

    def to_markdown(self) -> str:
        """Return the table as it stands on the page."""
        lines = [
            f"{self.day}, {self.sizes} sizes, {self.surroundings}.",
            "",
            "| what | figure | bound |",
            "| --- | --- | --- |",
        ]
        lines += [f"| {row.what} | {row.figure} | {row.bound} |" for row in self.rows]
        return "\n".join(lines)

    def write(self, page: Path) -> None:
        """Replace what stands between the markers of a page.

        Raises:
            ValueError: the page has lost its markers.
        """
        text = page.read_text(encoding="utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"{page.name} has no markers: {BEGIN} and {END}")
        page.write_text(f"{before}{begin}\n\n{self.to_markdown()}\n\n{end}{after}", encoding="utf-8")


def surroundings(url: str) -> str:
    """Return what the figures depend on, without naming the machine."""
    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    server = f"PostgreSQL {version // 10000}.{version % 10000}"
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return f"{server} (embedded), {python}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
