"""From any error to one line on stderr and an exit code."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError
from typer.exceptions import TyperException

from gateway.config import ConfigError
from gateway.demo.promise import BrokenPromiseError
from gateway.ids import BadIdError
from gateway.model.errors import DomainError, InvalidError, NotFoundError
from gateway.scaffold import ScaffoldError
from gateway.sdk import ConnectorError, Language
from gateway.sdk.discovery import DuplicateConnectorError
from gateway.vault import VaultError

FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130

_USE = (ConfigError, BadIdError, ScaffoldError, DuplicateConnectorError)


class CommandError(Exception):
    """A command cannot do what it was asked; the message says what is wrong and what to do."""

    def __init__(self, message: str, *, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def explain(error: Exception, language: Language) -> tuple[str, int]:
    """Return what to tell about `error` in one line, and the exit code that goes with it."""
    text, exit_code = _explain(error, language)
    return " ".join(text.split()), exit_code


def _explain(error: Exception, language: Language) -> tuple[str, int]:
    match error:
        case CommandError():
            return str(error), error.exit_code
        case TyperException():
            path = getattr(getattr(error, "ctx", None), "command_path", "gateway")
            return f"{error.format_message().rstrip('.')}; `{path} --help` shows how", WRONG_USE
        case InvalidError() if error.problems:
            problems = "; ".join(f"{one.pointer or '/'}: {one.message.in_(language)}" for one in error.problems)
            return f"{error.text.in_(language)} ({problems})", WRONG_USE
        case NotFoundError() | InvalidError():
            return error.text.in_(language), WRONG_USE
        case DomainError():
            return error.text.in_(language), FAILED
        case ConnectorError():
            return f"{error.message} ({error.code or type(error).__name__})", FAILED
        case BrokenPromiseError():
            return f"the demo did not keep a promise: {error}", FAILED
        case VaultError():
            return str(error), WRONG_USE
        case DBAPIError() | psycopg.Error():
            reason = error.orig if isinstance(error, DBAPIError) else error
            return f"the database does not do its work: {reason}; is GATEWAY_DATABASE_URL right?", FAILED
        case _ if isinstance(error, _USE):
            return str(error), WRONG_USE
        case OSError():
            return f"{error.filename or 'the system'}: {error.strerror or error}", FAILED
        case _:
            hint = "GATEWAY_LOG_LEVEL=DEBUG shows where; please report it"
            return f"an error that nobody foresaw: {type(error).__name__}: {error}; {hint}", FAILED
