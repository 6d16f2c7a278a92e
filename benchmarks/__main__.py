"""`python -m benchmarks [--quick] [NAME…]`: measure, print the table, and write it into docs/benchmarks.md."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import delivery, growth, ingest, worker
from benchmarks.report import PAGE, Report, Row, surroundings
from benchmarks.sizes import FULL, QUICK, Sizes
from benchmarks.stage import Stage, opened_stage

Benchmark = Callable[[Stage, Sizes], Awaitable[list[Row]]]

BENCHMARKS: dict[str, Benchmark] = {
    "ingest": ingest.run,
    "delivery": delivery.run,
    "memory": worker.run_memory,
    "idle": worker.run_idle,
    "growth": growth.run,
}


def measure(sizes: Sizes, names: list[str], console: Console) -> Report:
    """Run benchmarks one after another and return what they found."""
    rows: list[Row] = []
    with opened_stage() as stage:
        for name in names:
            with console.status(f"{name} …"):
                rows += asyncio.run(_run(BENCHMARKS[name], stage, sizes))
        return Report(sizes.name, datetime.datetime.now(datetime.UTC).date(), surroundings(stage.url), rows)


async def _run(benchmark: Benchmark, stage: Stage, sizes: Sizes) -> list[Row]:
    return await benchmark(stage, sizes)


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(BENCHMARKS)}; all without a word.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, under a minute: for a first look.")] = False,
    page: Annotated[Path, typer.Option(help="The page that gets the table of a whole run in full sizes.")] = PAGE,
) -> None:
    """Measure, and write the table."""
    wanted = names or list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(BENCHMARKS)}")
    # What the engine logs on the way is not what is looked at here.
    logging.disable(logging.WARNING)
    console = Console()
    sizes = QUICK if quick else FULL
    report = measure(sizes, wanted, console)
    report.show(console)
    if wanted == list(BENCHMARKS) and not quick:
        report.write(page)
        console.print(f"written to {page.name}")


if __name__ == "__main__":
    typer.run(main)
