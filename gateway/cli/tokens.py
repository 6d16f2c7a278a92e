"""`gateway tokens`: who may call the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from gateway.casework import tokens as casework
from gateway.cli.named import find_channel
from gateway.cli.opened import with_runtime
from gateway.cli.screen import AsJson, print_json, print_line, print_rows
from gateway.ids import to_public
from gateway.model import Scope, Token
from gateway.runtime import Runtime
from gateway.store import tokens

app = typer.Typer(help="Who may call the API.", no_args_is_help=True)


@app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="What it allows; all scopes without one.")] = None,
    brand: Annotated[list[str] | None, typer.Option(help="Limit it to channels of this brand.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Limit it to this channel (id or name).")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="End it after so many days.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a token and show it, once: only its hash is kept."""

    async def work(runtime: Runtime) -> tuple[Token, str]:
        now = runtime.clock()
        async with runtime.database.session() as db:
            limits = [(await find_channel(db, one)).id for one in channel or []]
            created = await casework.create(
                db,
                name=name,
                scopes=scope or list(Scope),
                now=now,
                brands=brand or [],
                channel_ids=limits,
                expires_at=now + timedelta(days=days) if days else None,
            )
            await db.commit()
        return created

    token, secret = with_runtime(work)
    if as_json:
        print_json({**_shown(token), "token": secret})
    else:
        # Alone on its line, so that a script can take it as it is.
        print_line(secret)


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the tokens, without what makes them work."""

    async def work(runtime: Runtime) -> list[Token]:
        async with runtime.database.session() as db:
            return await tokens.list_tokens(db)

    rows = [_shown(token) for token in with_runtime(work)]
    print_rows(rows, as_json=as_json, empty="no tokens; `gateway tokens create NAME` makes one")


@app.command("revoke")
def revoke_token(
    prefix: Annotated[str, typer.Argument(help="The start of the token, as `tokens list` shows it.")],
) -> None:
    """Make a token worthless, at once and for good."""

    async def work(runtime: Runtime) -> Token:
        async with runtime.database.session() as db:
            token = await casework.revoke(db, prefix, runtime.clock())
            await db.commit()
        return token

    print_line(f"{with_runtime(work).name} is revoked")


def _shown(token: Token) -> dict[str, Any]:
    return {
        "id": to_public("tok", token.id),
        "name": token.name,
        "prefix": token.prefix,
        "scopes": list(token.scopes),
        "brands": list(token.brands),
        "channels": list(token.channels),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }
