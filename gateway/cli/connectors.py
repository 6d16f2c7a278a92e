"""`gateway connectors`: which malls this gateway can talk to, and how to add one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.failures import FAILED
from gateway.cli.screen import AsJson, print_json, print_line, print_rows
from gateway.config import load_config
from gateway.registry import discover, get_connector
from gateway.scaffold import create_connector
from gateway.sdk import AnyConnector, Language

app = typer.Typer(help="Which malls this gateway can talk to, and how to add one.", no_args_is_help=True)


@app.command("list")
def list_connectors(as_json: AsJson = False) -> None:
    """List the connectors; ends with 1 if one of them cannot be loaded."""
    found = discover()
    language = load_config().language
    rows: list[dict[str, Any]] = [
        {
            "key": key,
            "name": connector.name.ja if language == "ja" else connector.name.en,
            "reads": _reads(connector),
            "replies": connector.capabilities.can_reply,
            "marks": sorted(mark.value for mark in connector.capabilities.marks),
            "place": found.places[key],
            "problem": None,
        }
        for key, connector in sorted(found.connectors.items())
    ]
    rows += [
        {"key": p.key, "name": None, "reads": None, "replies": None, "marks": [], "place": p.place, "problem": p.reason}
        for p in found.problems
    ]
    print_rows(rows, as_json=as_json, empty="no connectors; is the folder connectors/ installed?")
    if found.problems:
        raise typer.Exit(FAILED)


def _reads(connector: type[AnyConnector]) -> str:
    ways = [("pull", connector.capabilities.can_pull), ("push", connector.capabilities.can_receive)]
    return "+".join(way for way, can in ways if can)


@app.command("show")
def show_connector(
    key: Annotated[str, typer.Argument(help="The connector's key, as `connectors list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show what a connector can do, where each fact comes from, and the settings of a channel."""
    connector = get_connector(key)
    language: Language = "ja" if load_config().language == "ja" else "en"
    shown = {
        "key": connector.key,
        "name": connector.name.model_dump(),
        "capabilities": connector.capabilities.model_dump(mode="json"),
        "webhook_paths": list(connector.webhook_paths),
        "settings": connector.settings_type.model_json_schema(),
    }
    if as_json:
        print_json(shown)
        return
    console = Console()
    console.print(f"[bold]{connector.name.in_(language)}[/bold] ({connector.key})")
    facts = connector.capabilities.model_dump(mode="json", exclude={"sources", "reply"})
    limits = connector.capabilities.reply.model_dump(mode="json") if connector.capabilities.reply else {}
    print_rows(
        [{"capability": name, "value": value} for name, value in facts.items()]
        + [{"capability": f"reply.{name}", "value": value} for name, value in limits.items()],
        as_json=False,
        empty="",
    )
    print_line("")
    print_rows(_settings(connector), as_json=False, empty="no settings")
    print_line("")
    print_rows([source.model_dump() for source in connector.capabilities.sources], as_json=False, empty="no sources")


def _settings(connector: type[AnyConnector]) -> list[dict[str, Any]]:
    return [
        {"setting": name, "needed": field.is_required(), "meaning": field.description or ""}
        for name, field in connector.settings_type.model_fields.items()
    ]


@app.command("new")
def new_connector(
    key: Annotated[str, typer.Argument(help="The mall's own name in snake_case, such as acme_market.")],
    into: Annotated[Path, typer.Option(help="The folder that gets the new one.")] = Path("connectors"),
) -> None:
    """Begin a connector: copy the smallest complete one under another name. The contract kit tests it from then on."""
    print_line(f"{create_connector(key, into)} is there; run `make test ARGS='tests/connectors -k {key}'`")
