"""The settings of a channel, gathered from options, a file, the environment and the person at the keyboard."""

from __future__ import annotations

import json
import os
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from gateway.cli.failures import WRONG_USE, CommandError
from gateway.registry import split_settings
from gateway.sdk import AnyConnector

VARIABLE_START = "GATEWAY_CHANNEL_"


def gather(connector: type[AnyConnector], options: Sequence[str], file: Path | None) -> dict[str, Any]:
    """Return all settings; what is required and nowhere to be found is asked for on a terminal.

    Raises:
        CommandError: an option has the wrong form, or something is missing and nobody can be asked.
    """
    settings = {**_from_environment(connector), **_from_file(file), **_from_options(connector, options)}
    fields = connector.settings_type.model_fields
    missing = [name for name, field in fields.items() if field.is_required() and name not in settings]
    if missing and not _can_ask():
        variables = ", ".join(f"{VARIABLE_START}{name.upper()}" for name in missing)
        raise CommandError(f"missing: {', '.join(missing)}; use --from-file, or set {variables}", exit_code=WRONG_USE)
    return {**settings, **{name: _ask(connector, name) for name in missing}}


def gather_changes(connector: type[AnyConnector], options: Sequence[str], file: Path | None) -> dict[str, Any]:
    """Return the settings that are to change; without any, every credential is asked for.

    Raises:
        CommandError: nothing is to change, and nobody can be asked.
    """
    changes = {**_from_environment(connector), **_from_file(file), **_from_options(connector, options)}
    if not changes and _can_ask():
        answers = {name: _ask(connector, name, default="") for name in _secrets(connector)}
        changes = {name: answer for name, answer in answers.items() if answer}
    if not changes:
        raise CommandError("nothing is to change; use --set, --from-file or a terminal", exit_code=WRONG_USE)
    return changes


def _secrets(connector: type[AnyConnector]) -> list[str]:
    return list(split_settings(connector, dict.fromkeys(connector.settings_type.model_fields))[1])


def _from_environment(connector: type[AnyConnector]) -> dict[str, Any]:
    found = {name: os.environ.get(f"{VARIABLE_START}{name.upper()}") for name in connector.settings_type.model_fields}
    return {name: _value(connector, name, text) for name, text in found.items() if text is not None}


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}", exit_code=WRONG_USE) from error
    except ValueError as error:
        raise CommandError(f"{file}: not a JSON document in UTF-8", exit_code=WRONG_USE) from error
    if not isinstance(found, Mapping):
        raise CommandError(f"{file}: not a JSON object of settings", exit_code=WRONG_USE)
    return dict(found)


def _from_options(connector: type[AnyConnector], options: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals:
            raise CommandError("--set takes KEY=VALUE", exit_code=WRONG_USE)
        if name in _secrets(connector):
            variable = f"{VARIABLE_START}{name.upper()}"
            raise CommandError(
                f"{name} is a credential, and others can see arguments; use --from-file or {variable}",
                exit_code=WRONG_USE,
            )
        found[name] = _value(connector, name, text)
    return found


def _value(connector: type[AnyConnector], name: str, text: str) -> Any:
    """Return `text` as it is for settings that are text, else what it says as JSON, if it says something."""
    field = connector.settings_type.model_fields.get(name)
    if field is None or _is_text(field.annotation):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_text(annotation: Any) -> bool:
    if typing.get_origin(annotation) in {types.UnionType, typing.Union}:
        return any(map(_is_text, typing.get_args(annotation)))
    return annotation in {str, SecretStr}


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(connector: type[AnyConnector], name: str, default: str | None = None) -> Any:
    field = connector.settings_type.model_fields[name]
    question = f"{name} ({(field.description or '').rstrip('.')})"
    answer = typer.prompt(
        question, default=default, hide_input=name in _secrets(connector), show_default=False, err=True
    )
    holds_many = typing.get_origin(field.annotation) is tuple
    return [answer] if holds_many and answer and not answer.startswith("[") else _value(connector, name, answer)
