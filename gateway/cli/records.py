"""`gateway records`: what was received, and applying it again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from gateway.cli.failures import FAILED
from gateway.cli.named import find_channels
from gateway.cli.opened import with_runtime
from gateway.cli.screen import AsJson, print_json, print_line, progress
from gateway.ids import parse_id, to_public
from gateway.model import Channel
from gateway.runtime import Runtime
from gateway.store import records
from gateway.sync.inbound import Applied
from gateway.sync.replay import replay_records

app = typer.Typer(help="What was received, as it came.", no_args_is_help=True)


@app.command("replay")
def replay(
    channel: Annotated[
        list[str] | None, typer.Argument(help="Only these channels (id or name); all without one.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every record, not only the quarantined ones.")] = False,
    record: Annotated[str | None, typer.Option(help="This one record only, `rec_…`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Apply stored records again, after a connector was mended. Safe to stop and to repeat.

    Ends with 1 if some are still not understood.
    """
    record_id = parse_id("rec", record) if record else None
    results = with_runtime(lambda runtime: _replay(runtime, channel or [], everything, record_id))
    rows = [
        {
            "channel_id": to_public("chan", one.id),
            "channel": one.name,
            "records": applied.records,
            "messages": applied.messages,
            "quarantined": applied.quarantined,
        }
        for one, applied in results
    ]
    if as_json:
        print_json(rows)
    else:
        read, new, left = (sum(getattr(a, n) for _, a in results) for n in ("records", "messages", "quarantined"))
        print_line(f"{read} records applied again: {new} new messages, {left} still in quarantine")
    if any(applied.quarantined for _, applied in results):
        raise typer.Exit(FAILED)


async def _replay(
    runtime: Runtime, names: list[str], everything: bool, record_id: UUID | None
) -> list[tuple[Channel, Applied]]:
    async with runtime.database.session() as db:
        wanted = await find_channels(db, names)
        if record_id is not None:
            one = await records.get_record(db, record_id)
            wanted = [channel for channel in wanted if channel.id == one.channel_id]
            total = len(wanted)
        else:
            total = await records.count_for_replay(db, [c.id for c in wanted], only_quarantined=not everything)
    with progress("applying", total) as count:
        return [
            (
                channel,
                await replay_records(
                    runtime,
                    channel.id,
                    only_quarantined=not everything,
                    record_id=record_id,
                    on_progress=count,
                ),
            )
            for channel in wanted
        ]
