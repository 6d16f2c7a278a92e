"""`gateway tokens`, `records`, `connectors`, `db` and `openapi`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from gateway.registry import discover
from tests.cli.conftest import Cli, RunningMall


def test_a_token_is_shown_once_and_alone_on_its_line(cli: Cli) -> None:
    created = cli("tokens", "create", "console", "--scope", "cases:read", "--days", "30")
    listed = cli("tokens", "list", "--json")

    secret = created.out.strip()
    assert created.out == f"{secret}\n"
    assert secret.startswith("mdg_")
    [token] = listed.json
    assert secret.startswith(token["prefix"])
    assert secret not in listed.out
    assert token["scopes"] == ["cases:read"]
    assert token["expires_at"] is not None


def test_a_token_is_limited_to_brands_and_channels(cli: Cli, channel: str) -> None:
    created = cli("tokens", "create", "callcentre", "--brand", "hidamari", "--channel", channel, "--json").json

    assert created["brands"] == ["hidamari"]
    assert created["channels"] == [cli("channels", "list", "--json").json[0]["id"]]


def test_a_revoked_token_says_since_when(cli: Cli) -> None:
    secret = cli("tokens", "create", "console").out.strip()
    prefix = cli("tokens", "list", "--json").json[0]["prefix"]

    revoked = cli("tokens", "revoke", prefix)

    assert revoked.out == "console is revoked\n"
    assert cli("tokens", "list", "--json").json[0]["revoked_at"] is not None
    assert secret not in revoked.out


def test_what_is_still_not_understood_stays_in_quarantine_and_says_so(
    cli: Cli, channel: str, mall: RunningMall
) -> None:
    mall.simulator.add_unreadable()
    cli("sync")

    replayed = cli("records", "replay")

    assert replayed.exit_code == 1
    assert replayed.out == "1 records applied again: 0 new messages, 1 still in quarantine\n"


def test_every_record_can_be_applied_again_without_doubling_anything(cli: Cli, channel: str, mall: RunningMall) -> None:
    cli("sync")

    replayed = cli("records", "replay", channel, "--all", "--json")

    assert replayed.exit_code == 0
    [figures] = replayed.json
    assert figures["records"] == len(mall.simulator.threads())
    assert (figures["messages"], figures["quarantined"]) == (0, 0)


def test_connectors_are_listed_with_what_they_can_do(cli: Cli) -> None:
    listed = cli("connectors", "list", "--json")

    assert listed.exit_code == 0
    assert {one["key"] for one in listed.json} == set(discover().connectors)
    assert all(one["problem"] is None for one in listed.json)


@pytest.mark.parametrize("key", sorted(discover().connectors))
def test_a_connector_shows_its_settings_and_the_source_of_each_fact(cli: Cli, key: str) -> None:
    shown, for_people = cli("connectors", "show", key, "--json").json, cli("connectors", "show", key).out

    assert shown["capabilities"]["sources"]
    for name in shown["settings"]["properties"]:
        assert name in for_people


def test_a_new_connector_is_begun(cli: Cli, tmp_path: Path) -> None:
    begun = cli("connectors", "new", "acme_market", "--into", str(tmp_path))

    assert begun.exit_code == 0
    assert (tmp_path / "acme_market" / "connector.py").exists()


def test_a_connector_that_exists_is_not_overwritten(cli: Cli, tmp_path: Path) -> None:
    cli("connectors", "new", "acme_market", "--into", str(tmp_path))

    again = cli("connectors", "new", "acme_market", "--into", str(tmp_path))

    assert again.exit_code == 2
    assert "exists; choose another key" in again.err


def test_a_current_schema_is_left_alone(cli: Cli) -> None:
    assert cli("db", "upgrade").out == "the schema is current\n"


def test_somebodys_server_is_upgraded_by_its_operator_alone(
    cli: Cli, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = make_url(database_url).set(database=f"{make_url(database_url).database}_empty")
    admin = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{empty.database}"'))
    monkeypatch.setenv("GATEWAY_DATABASE_URL", empty.render_as_string(hide_password=False))

    refused = cli("channels", "list")
    upgraded = cli("db", "upgrade")
    listed = cli("channels", "list")

    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{empty.database}" WITH (FORCE)'))
    admin.dispose()
    assert refused.exit_code == 2
    assert refused.err == "gateway: the database has not this version's schema; run `gateway db upgrade`\n"
    assert upgraded.out == "the schema has been upgraded\n"
    assert listed.exit_code == 0


def test_the_description_of_the_api_is_written_and_compared(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    missing = cli("openapi", "--check")
    written = cli("openapi", "--write")
    current = cli("openapi", "--check")
    (tmp_path / "openapi" / "gateway.json").write_text("{}")
    changed = cli("openapi", "--check")

    assert (missing.exit_code, changed.exit_code) == (1, 1)
    assert "run `make openapi`" in changed.err
    assert (written.exit_code, current.exit_code) == (0, 0)
    assert json.loads(cli("openapi").out)["openapi"].startswith("3.1")
