"""`gateway channels`: the shop's accounts on its malls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.casework import channels as casework
from gateway.casework.caller import Caller
from gateway.cli.failures import FAILED, CommandError
from gateway.cli.named import find_channel
from gateway.cli.opened import with_runtime
from gateway.cli.screen import AsJson, print_json, print_line, print_rows
from gateway.cli.settings import gather, gather_changes
from gateway.ids import to_public
from gateway.model import Channel
from gateway.registry import get_connector, parse_settings
from gateway.runtime import Runtime
from gateway.sdk import Access, AuthenticationError, ConnectorError
from gateway.store import channels
from gateway.sync import inbound

OPERATOR = Caller.operator("cli")

app = typer.Typer(help="The shop's accounts on its malls.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="Id or name, as `channels list` shows them.")]
Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option; what is no plain text is JSON.")
]
File = Annotated[
    Path | None,
    typer.Option("--from-file", metavar="FILE", help="Settings, credentials included, as a JSON object; - for stdin."),
]


@app.command("add")
def add_channel(
    connector: Annotated[str, typer.Argument(help="Which mall, as `connectors list` shows them.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    brand: Annotated[str, typer.Option(help="The brand it belongs to.")] = "",
    address: Annotated[str | None, typer.Option(help="Its name in public URLs; made up if not given.")] = None,
    options: Options = None,
    from_file: File = None,
    as_json: AsJson = False,
) -> None:
    """Add a channel, test its credentials, and read it from now on.

    Credentials come from the file, from environment variables such as GATEWAY_CHANNEL_API_KEY, or are asked for; never
    from arguments, which others can see.
    """
    type_ = get_connector(connector)
    settings = gather(type_, options or [], from_file)
    parse_settings(type_, settings)

    async def work(runtime: Runtime) -> tuple[Channel, Access]:
        async with runtime.database.session() as db:
            added = await casework.add(
                db,
                runtime,
                OPERATOR,
                connector=connector,
                name=name,
                brand=brand,
                address=address,
                settings=settings,
                now=runtime.clock(),
            )
            await db.commit()
        return added, await _test(runtime, added)

    channel, access = with_runtime(work)
    if as_json:
        print_json({**_shown(channel), "access": _access(access)})
    else:
        print_line(f"{name} is added as {to_public('chan', channel.id)}, public address {channel.address}")
        _print_access(channel, access)


@app.command("list")
def list_channels(as_json: AsJson = False) -> None:
    """List the channels, how fresh they are, and when their credentials end."""

    async def work(runtime: Runtime) -> list[Channel]:
        async with runtime.database.session() as db:
            return await channels.list_channels(db)

    rows = [_shown(channel) for channel in with_runtime(work)]
    if not as_json:
        shown = ("name", "connector", "state", "reason", "last_success_at", "failures", "credential_expires_at", "id")
        rows = [{member: row[member] for member in shown} for row in rows]
    print_rows(rows, as_json=as_json, empty="no channels; `gateway channels add CONNECTOR --name NAME` makes one")


@app.command("test")
def prove_channel(name: Name, as_json: AsJson = False) -> None:
    """Prove that the mall lets us in, and tell when that ends."""

    async def work(runtime: Runtime) -> tuple[Channel, Access]:
        async with runtime.database.session() as db:
            channel = await find_channel(db, name)
        return channel, await casework.test(runtime, OPERATOR, channel.id)

    channel, access = with_runtime(work)
    if as_json:
        print_json(_access(access))
    else:
        _print_access(channel, access)


@app.command("renew")
def renew_channel(name: Name, options: Options = None, from_file: File = None) -> None:
    """Put new credentials or options in, test them, and resume the channel if the mall lets us in.

    Without --set and --from-file it asks for every credential; an empty answer keeps the present one.
    """

    async def find(runtime: Runtime) -> Channel:
        async with runtime.database.session() as db:
            return await find_channel(db, name)

    channel = with_runtime(find)
    changes = gather_changes(get_connector(channel.connector), options or [], from_file)

    async def work(runtime: Runtime) -> Access:
        now = runtime.clock()
        async with runtime.database.session() as db:
            await casework.update(db, runtime, OPERATOR, channel.id, {"settings": changes}, now)
            await db.commit()
        access = await _test(runtime, channel)
        async with runtime.database.session() as db:
            await casework.resume(db, OPERATOR, channel.id, now)
            await db.commit()
        return access

    _print_access(channel, with_runtime(work))


@app.command("pause")
def pause_channel(
    name: Name, reason: Annotated[str | None, typer.Option(help="Why, for those who ask later.")] = None
) -> None:
    """Stop reading and sending; what waits goes on waiting."""
    _change(name, lambda db, channel, runtime: casework.pause(db, OPERATOR, channel.id, runtime.clock(), reason=reason))


@app.command("resume")
def resume_channel(name: Name) -> None:
    """Read and send again, at once."""
    _change(name, lambda db, channel, runtime: casework.resume(db, OPERATOR, channel.id, runtime.clock()))


@app.command("reseal")
def reseal_channels() -> None:
    """Seal the credentials of all channels with the newest key: the third step of changing keys."""

    async def work(runtime: Runtime) -> int:
        async with runtime.database.session() as db:
            found = await channels.list_channels(db)
            for channel in found:
                locked = await channels.get_channel(db, channel.id, for_update=True)
                for member in ("credentials", "tokens"):
                    sealed = getattr(locked, member)
                    setattr(locked, member, runtime.vault.seal(runtime.vault.open(sealed)) if sealed else sealed)
                db.add(locked)
            await db.commit()
        return len(found)

    print_line(f"{with_runtime(work)} channels are sealed with the newest key")


def _change(name: str, step: Callable[[AsyncSession, Channel, Runtime], Awaitable[Channel]]) -> None:
    async def work(runtime: Runtime) -> Channel:
        async with runtime.database.session() as db:
            changed = await step(db, await find_channel(db, name), runtime)
            await db.commit()
        return changed

    channel = with_runtime(work)
    print_line(f"{channel.name} is {channel.state.value}")


async def _test(runtime: Runtime, channel: Channel) -> Access:
    """Test a channel whose new settings are stored already; if they do not work it stays, and says so."""
    try:
        return await casework.test(runtime, OPERATOR, channel.id)
    except AuthenticationError as error:
        await inbound.note_failure(runtime, channel.id, error)
        raise _not_let_in(channel, error) from error
    except ConnectorError as error:
        raise _not_let_in(channel, error) from error


def _not_let_in(channel: Channel, error: ConnectorError) -> CommandError:
    mend = f"`gateway channels renew {to_public('chan', channel.id)}` after mending them"
    return CommandError(f"{channel.name} is stored, but its test failed: {error.message}; {mend}", exit_code=FAILED)


def _print_access(channel: Channel, access: Access) -> None:
    until = access.expires_at.astimezone().isoformat(timespec="minutes") if access.expires_at else "no known end"
    print_line(f"{channel.name}: the mall lets us in as {access.account}; credential ends: {until}")
    for warning in access.warnings:
        print_line(f"{channel.name}: {warning}")


def _access(access: Access) -> dict[str, Any]:
    return {"account": access.account, "expires_at": access.expires_at, "warnings": list(access.warnings)}


def _shown(channel: Channel) -> dict[str, Any]:
    return {
        "id": to_public("chan", channel.id),
        "name": channel.name,
        "connector": channel.connector,
        "brand": channel.brand,
        "address": channel.address,
        "state": channel.state.value,
        "reason_code": channel.reason_code,
        "reason": channel.reason,
        "last_success_at": channel.last_success_at,
        "next_pull_at": channel.next_pull_at,
        "failures": channel.failures,
        "last_error": channel.last_error,
        "credential_expires_at": channel.credential_expires_at,
    }
