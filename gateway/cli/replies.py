"""`gateway replies`: what is on its way out, and what needs a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.casework import replies as casework
from gateway.casework.caller import Caller
from gateway.casework.replies import Resolution
from gateway.cli.named import find_channels
from gateway.cli.opened import with_runtime
from gateway.cli.screen import AsJson, print_line, print_rows
from gateway.ids import parse_id, to_public
from gateway.model import Reply, ReplyStatus
from gateway.runtime import Runtime
from gateway.sdk import Language
from gateway.store import replies

OPERATOR = Caller.operator("cli")

app = typer.Typer(help="What is on its way out, and what needs a person.", no_args_is_help=True)

ReplyId = Annotated[str, typer.Argument(metavar="REPLY", help="The id, `rpl_…`, as `replies list` shows it.")]


@app.command("list")
def list_replies(
    status: Annotated[list[ReplyStatus] | None, typer.Option(help="Only these statuses.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Only these channels (id or name).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List replies, newest first, without their text: that is for those who answer."""

    async def work(runtime: Runtime) -> list[dict[str, Any]]:
        language: Language = "en" if runtime.config.language == "en" else "ja"
        async with runtime.database.session() as db:
            wanted = await find_channels(db, channel or [])
            names = {one.id: one.name for one in wanted}
            found = await replies.list_replies(db, channel_ids=list(names), statuses=status or [], limit=limit)
        return [_shown(reply, names[reply.channel_id], language) for reply in found]

    print_rows(with_runtime(work), as_json=as_json, empty="no replies")


@app.command("retry")
def retry_reply(reply: ReplyId) -> None:
    """Send a failed reply after all."""
    _change(reply, lambda db, one, runtime: casework.retry(db, OPERATOR, one, runtime.clock()))


@app.command("resolve")
def resolve_reply(
    reply: ReplyId,
    seen: Annotated[
        Resolution,
        typer.Option(
            "--as",
            help="What you saw in the mall's own screen: it is there (sent), or it is not, and is to be sent again "
            "(send_again) or left (give_up).",
        ),
    ],
) -> None:
    """Settle a reply that needs a person, by what you saw in the mall's own screen."""
    _change(reply, lambda db, one, runtime: casework.resolve(db, OPERATOR, one, seen, runtime.clock()))


def _change(reply: str, step: Callable[[AsyncSession, Any, Runtime], Awaitable[Reply]]) -> None:
    reply_id = parse_id("rpl", reply)

    async def work(runtime: Runtime) -> Reply:
        async with runtime.database.session() as db:
            changed = await step(db, reply_id, runtime)
            await db.commit()
        return changed

    print_line(f"{reply} is {with_runtime(work).status.value}")


def _shown(reply: Reply, channel: str, language: Language) -> dict[str, Any]:
    return {
        "id": to_public("rpl", reply.id),
        "channel": channel,
        "case_id": to_public("case", reply.case_id),
        "status": reply.status.value,
        "reason_code": reply.reason_code,
        "reason": reply.thread_reason.in_(language) if reply.thread_reason else None,
        "attempts": reply.fence,
        "due_at": reply.due_at,
        "sent_at": reply.sent_at,
        "created_at": reply.created_at,
    }
