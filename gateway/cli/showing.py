"""`gateway demo`."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when the story is told.")] = False,
    port: Annotated[int, typer.Option(help="Port of the gateway's API; 0 takes a free one.")] = 8400,
) -> None:
    """Start simulated malls and a gateway, and watch the main job happen. Ends with 1 if a promise does not hold."""
    from gateway.demo.show import show

    show(port=port, ends=once)
