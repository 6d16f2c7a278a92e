"""The command line: `gateway …`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from types import FrameType
from typing import Annotated

import typer

from gateway.cli import channels, connectors, records, replies, schema, serve, sync, tokens
from gateway.cli.failures import INTERRUPTED, explain
from gateway.cli.showing import demo
from gateway.config import ConfigError, load_config
from gateway.sdk import Language

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(serve.worker)
app.command()(sync.sync)
app.add_typer(channels.app, name="channels")
app.add_typer(records.app, name="records")
app.add_typer(replies.app, name="replies")
app.add_typer(connectors.app, name="connectors")
app.add_typer(tokens.app, name="tokens")
app.add_typer(schema.app, name="db")
app.command()(schema.openapi)
app.command()(demo)
app.command()(serve.simulate)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"madoguchi {metadata.version('madoguchi')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """One inbox for the inquiries of every mall. Settings are environment variables, see docs/operations.md."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # Without a handler a SIGTERM would end the process before it can stop the embedded database.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error is one line on stderr and never a traceback."""
    command = typer.main.get_command(app)
    try:
        result = command.main(args=list(arguments), prog_name="gateway", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        line, exit_code = explain(error, _language())
        typer.echo(f"gateway: {line}", err=True)
        if _is_debugging():
            raise
        return exit_code
    return result if isinstance(result, int) else 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


def _language() -> Language:
    try:
        return "en" if load_config().language == "en" else "ja"
    except ConfigError:
        return "en"


def _is_debugging() -> bool:
    try:
        return load_config().log_level.upper() == "DEBUG"
    except ConfigError:
        return False
