"""`gateway db` and `gateway openapi`: the shapes that others rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway import migrations
from gateway.cli.failures import FAILED, WRONG_USE, CommandError
from gateway.cli.screen import print_line
from gateway.config import load_config
from gateway.db import database_url

PLACE = Path("openapi/gateway.json")

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade() -> None:
    """Bring the database to this version's schema. Several processes may try at the same time."""
    url = database_url(load_config())
    if migrations.is_current(url):
        print_line("the schema is current")
        return
    migrations.upgrade(url)
    print_line("the schema has been upgraded")


def openapi(
    write: Annotated[bool, typer.Option("--write", help=f"Write {PLACE}.")] = False,
    check: Annotated[bool, typer.Option("--check", help=f"Compare with {PLACE}; ends with 1 if it differs.")] = False,
) -> None:
    """Print the description of the REST API, write it, or compare it with the committed one."""
    from gateway.api.openapi import openapi_document

    if write and check:
        raise CommandError("--write and --check exclude each other; choose one", exit_code=WRONG_USE)
    document = json.dumps(openapi_document(), ensure_ascii=False, indent=2) + "\n"
    if check:
        if not PLACE.exists() or PLACE.read_text(encoding="utf-8") != document:
            raise CommandError(f"{PLACE} is not what the code says; run `make openapi`", exit_code=FAILED)
        print_line(f"{PLACE} is current")
    elif write:
        PLACE.parent.mkdir(exist_ok=True)
        PLACE.write_text(document, encoding="utf-8")
        print_line(f"{PLACE} is written")
    else:
        typer.echo(document, nl=False)
