"""What people see: tables, one-line results and bars on stdout and stderr; JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

UNLIMITED = 100_000

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def print_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_as_json))


def print_line(line: str) -> None:
    """Print one line for people."""
    typer.echo(line)


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print rows with the same members: as a table, or as one JSON list."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        print_line(empty)
        return
    # A pipe has no width: a program that reads the table should find every word of it in its place.
    console = Console(width=None if sys.stdout.isatty() else UNLIMITED)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(rows[0]):
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(escape(_as_text(value)) for value in row.values()))
    console.print(table)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a bar on a terminal while the block runs, elsewhere nothing; yields what counts one or more steps."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task(what, total=total)
        yield partial(bar.advance, task)


def _as_json(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _as_text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone().isoformat(timespec="seconds")
        case list() | tuple():
            return ", ".join(map(_as_text, value)) or "-"
        case dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)
