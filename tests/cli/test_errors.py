"""Every error is one line on stderr with an exit code, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from gateway import cli as command_line
from gateway.cli.failures import explain
from gateway.model.errors import ConflictError, InvalidError, Problem
from gateway.sdk import AuthenticationError, Text
from gateway.vault import VaultError
from tests.cli.conftest import Cli

TEXT = Text(ja="だめです。", en="It is wrong.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "gateway: No such command 'bogus'; `gateway --help` shows how"),
        (["serv"], "gateway: No such command 'serv'. Did you mean 'serve'?; `gateway --help` shows how"),
        (["channels", "add"], "gateway: Missing argument 'connector'; `gateway channels add --help` shows how"),
        (["channels", "list", "--yaml"], "gateway: No such option: --yaml"),
        (["serve", "--port", "many"], "gateway: Invalid value for '--port'"),
        (["connectors", "show", "nowhere"], "gateway: There is no connector nowhere."),
        (["connectors", "new", "Not A Key"], "gateway: a key is the mall's name in snake_case"),
        (["tokens", "create", "x", "--scope", "everything"], "gateway: Invalid value for '--scope'"),
        (["tokens", "create", ""], "gateway: The token is not valid as described. (/name: The name is empty.)"),
        (["tokens", "revoke", "mdg_12345678"], "gateway: There is no token mdg_12345678."),
        (["records", "replay", "--record", "x"], "gateway: 'x' is no id"),
        (["simulate", "nowhere"], "gateway: There is no connector nowhere."),
        (["openapi", "--write", "--check"], "gateway: --write and --check exclude each other; choose one"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(cli: Cli, arguments: list[str], said: str) -> None:
    ran = cli(*arguments)

    assert ran.exit_code == 2
    assert ran.out == ""
    assert ran.err.startswith(said)
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GATEWAY_PORT", "many", "gateway: GATEWAY_PORT: "),
        ("GATEWAY_LANGUAGE", "fr", "gateway: GATEWAY_LANGUAGE: "),
        ("GATEWAY_SETTLE_AFTER", "1", "gateway: GATEWAY_SETTLE_AFTER: "),
        ("GATEWAY_DATABASE_URL", "mysql://x", "gateway: GATEWAY_DATABASE_URL: "),
        (
            "GATEWAY_DATABASE_URL",
            "postgresql://u:secret@127.0.0.1:9/x",
            "gateway: GATEWAY_DATABASE_URL: cannot connect",
        ),
    ],
)
def test_a_wrong_setting_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)

    ran = cli("channels", "list")

    assert ran.exit_code == 2
    assert ran.err.startswith(said)
    assert ran.err.count("\n") == 1
    assert "secret" not in ran.err


def test_a_home_that_cannot_be_written_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "file"))

    ran = cli("channels", "list")

    assert ran.exit_code == 2
    assert ran.err.startswith("gateway: GATEWAY_HOME: cannot write ")


@pytest.mark.parametrize(
    ("error", "line", "exit_code"),
    [
        (ConflictError("x", TEXT), "It is wrong.", 1),
        (
            InvalidError("x", TEXT, [Problem(code="y", pointer="/a", message=TEXT)]),
            "It is wrong. (/a: It is wrong.)",
            2,
        ),
        (AuthenticationError("the key has\nexpired", code="GA0001"), "the key has expired (GA0001)", 1),
        (VaultError("no key fits"), "no key fits", 2),
        (FileNotFoundError(2, "No such file", "a.json"), "a.json: No such file", 1),
        (
            RuntimeError("boom"),
            "an error that nobody foresaw: RuntimeError: boom; GATEWAY_LOG_LEVEL=DEBUG shows where; please report it",
            1,
        ),
    ],
)
def test_every_kind_of_error_has_its_line_and_exit_code(error: Exception, line: str, exit_code: int) -> None:
    assert explain(error, "en") == (line, exit_code)


def test_errors_speak_japanese_where_the_gateway_does(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LANGUAGE", "ja")

    ran = cli("connectors", "show", "nowhere")

    assert ran.err == "gateway: connector nowhere は見つかりません。\n"


def test_the_version_is_printed(cli: Cli) -> None:
    ran = cli("--version")

    assert ran.exit_code == 0
    assert ran.out.startswith("madoguchi ")


def test_every_command_and_option_has_a_help_text() -> None:
    def walk(command: typer.core.TyperGroup | typer.core.TyperCommand, path: str) -> list[str]:
        silent = [] if (command.help or "").strip() else [path]
        silent += [
            f"{path} {parameter.name}"
            for parameter in command.params
            if not getattr(parameter, "help", None) and parameter.name not in {"help", "install_completion"}
        ]
        for name, inner in getattr(command, "commands", {}).items():
            silent += walk(inner, f"{path} {name}")
        return silent

    assert walk(typer.main.get_command(command_line.app), "gateway") == []
