"""Settings have defaults that work, and wrong ones are named in one line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, load_config


def test_every_setting_has_a_default_and_a_description() -> None:
    for name, field in Config.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name


@pytest.mark.parametrize(("written", "meant"), [("90", 90), ("0.5", 0.5), ("PT1M30S", 90), ("00:01:30", 90)])
def test_durations_are_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch, written: str, meant: float) -> None:
    monkeypatch.setenv("GATEWAY_LEASE", written)

    assert load_config().lease == timedelta(seconds=meant)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_SETTLE_AFTER", "1, 2.5, PT3M")
    monkeypatch.setenv("GATEWAY_SECRET_KEYS", "new,old")

    config = load_config()

    assert config.settle_after == (timedelta(seconds=1), timedelta(seconds=2.5), timedelta(minutes=3))
    assert config.keys == ("new", "old")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_DATABASE_URL", "mysql://host/name"),
        ("GATEWAY_DATABASE_URL", "not an address"),
        ("GATEWAY_PORT", "eighty"),
        ("GATEWAY_LEASE", "-1"),
        ("GATEWAY_LEASE", "soon"),
        ("GATEWAY_SETTLE_AFTER", "1"),
        ("GATEWAY_LANGUAGE", "fr"),
        ("GATEWAY_MAX_FILE_BYTES", "0"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError) as caught:
        load_config()

    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


def test_a_password_in_the_database_address_is_never_shown() -> None:
    config = Config(database_url="postgresql://user:hunter2@host/name")

    assert "hunter2" not in repr(config)


def test_processes_that_start_at_once_agree_on_one_private_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: Config(home=tmp_path / "home").keys, range(16)))

    assert len(keys) == 1
    assert (tmp_path / "home" / "secret.key").stat().st_mode & 0o077 == 0


def test_a_home_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(ConfigError, match="GATEWAY_HOME"):
        Config(home=tmp_path / "home").keys  # noqa: B018
