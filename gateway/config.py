"""Settings of the whole gateway, from environment variables that begin with GATEWAY_."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError


class ConfigError(Exception):
    """A setting is missing or wrong; the message names the variable and what to do."""


def _words(value: Any) -> Any:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _seconds(value: Any) -> Any:
    try:
        return timedelta(seconds=float(value)) if isinstance(value, str) else value
    except ValueError:
        return value


Duration = Annotated[timedelta, BeforeValidator(_seconds)]
"""Seconds as a number, or an ISO 8601 duration such as `PT5M`."""


class Config(BaseSettings):
    """Every setting, each with a default that runs one small shop on one machine."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True, extra="ignore")

    home: Annotated[Path, Field(description="Folder of the embedded database, the files and the generated key.")] = (
        Path.home() / ".madoguchi"
    )
    database_url: Annotated[
        SecretStr | None,
        Field(description="PostgreSQL 15 or later, `postgresql://user:password@host/name`; embedded when not set."),
    ] = None
    secret_keys: Annotated[
        tuple[SecretStr, ...],
        NoDecode,
        Field(description="Keys that encrypt credentials, newest first, comma separated; made in `home` when not set."),
    ] = ()
    files_url: Annotated[
        str | None, Field(description="Where attachments are kept: a folder or an fsspec URL such as `s3://bucket/x`.")
    ] = None
    files_options: Annotated[
        dict[str, Any], Field(description="Options of the fsspec file system, as a JSON object.", repr=False)
    ] = {}
    max_file_bytes: Annotated[int, Field(gt=0, description="Largest attachment that is kept, in bytes.")] = 25_000_000
    host: Annotated[str, Field(description="Address that `gateway serve` listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port that `gateway serve` listens on.")] = 8400
    public_url: Annotated[
        str | None, Field(description="Address under which others reach this gateway; used in links.")
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...], NoDecode, Field(description="Addresses of proxies whose X-Forwarded-For is believed.")
    ] = ()
    allow_private_addresses: Annotated[
        bool, Field(description="Lets connectors call into the own network; only for simulators.")
    ] = False
    pull_interval: Annotated[
        Duration, Field(gt=timedelta(), description="How often a channel is read, unless it says otherwise.")
    ] = timedelta(minutes=3)
    pull_slice: Annotated[
        Duration, Field(gt=timedelta(), description="How long one pull may go on before others get their turn.")
    ] = timedelta(seconds=60)
    tick_interval: Annotated[
        Duration, Field(gt=timedelta(), description="How often the schedule looks for due work.")
    ] = timedelta(seconds=5)
    poll_interval: Annotated[
        Duration, Field(gt=timedelta(), description="How often a worker looks for jobs whose time has come.")
    ] = timedelta(seconds=5)
    retry_after: Annotated[
        tuple[Duration, ...],
        NoDecode,
        Field(min_length=1, description="Waits before a reply that was not sent is tried again; then it fails."),
    ] = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 3600, 7200, 14400))
    settle_after: Annotated[
        tuple[Duration, ...],
        NoDecode,
        Field(min_length=3, description="When after an unknown outcome the thread is read to settle it."),
    ] = tuple(timedelta(seconds=s) for s in (10, 60, 300, 1800))
    lease: Annotated[
        Duration, Field(gt=timedelta(), description="How long a worker owns a reply that it is sending.")
    ] = timedelta(seconds=120)
    stalled_after: Annotated[
        Duration, Field(gt=timedelta(), description="A worker silent for so long is taken for dead.")
    ] = timedelta(seconds=30)
    concurrency: Annotated[int, Field(gt=0, description="How many jobs one worker runs side by side.")] = 16
    log_level: Annotated[str, Field(description="Least level that is logged.")] = "INFO"
    language: Annotated[str, Field(pattern="^(ja|en)$", description="Language of texts when a caller names none.")] = (
        "ja"
    )

    @field_validator("secret_keys", "trusted_proxies", "retry_after", "settle_after", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _words(value)

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_postgres_url(value.get_secret_value()):
            raise ValueError("it must be an address of the form postgresql://user:password@host/name")
        return value

    @cached_property
    def files_location(self) -> str:
        """The folder or fsspec URL of the file store."""
        return self.files_url or str(self.home / "files")

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The encryption keys, newest first; the first start makes one and keeps it in `home`."""
        if self.secret_keys:
            return tuple(key.get_secret_value() for key in self.secret_keys)
        return (_kept_key(self.home / "secret.key"),)


def _is_postgres_url(text: str) -> bool:
    try:
        return make_url(text).get_backend_name() == "postgresql"
    except ArgumentError:
        return False


def _kept_key(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Another process may be starting at the same moment: whoever links first decides the key, whole or not at all.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file, contextlib.suppress(FileExistsError):
            file.write(secrets.token_urlsafe(32))
            file.flush()
            path.hardlink_to(file.name)
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"GATEWAY_HOME: cannot write {path}: {error.strerror}; choose another folder") from error


def load_config(**overrides: Any) -> Config:
    """Read the settings.

    Raises:
        ConfigError: one line that names the wrong variable.
    """
    try:
        return Config(**overrides)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "GATEWAY_" + "_".join(str(part) for part in first["loc"][:1]).upper()
        raise ConfigError(f"{name}: {first['msg']}") from error
