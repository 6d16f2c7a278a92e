"""The figures: on the screen, and between the markers of docs/benchmarks.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `bound` is what we aim for, empty where the figure only informs."""

    what: str
    figure: str
    bound: str = ""
