"""`gateway channels`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, RunningMall


def test_a_channel_is_added_tested_and_listed(cli: Cli, settings_file: Path) -> None:
    added = cli(
        "channels", "add", "rakuten", "--name", "本店", "--brand", "hidamari", "--from-file", str(settings_file)
    )
    listed = cli("channels", "list", "--json")

    assert added.exit_code == 0
    assert "the mall lets us in" in added.out
    [channel] = listed.json
    assert (channel["name"], channel["brand"], channel["state"]) == ("本店", "hidamari", "active")
    assert channel["credential_expires_at"] is not None


def test_credentials_are_never_shown(cli: Cli, mall: RunningMall, settings_file: Path) -> None:
    secrets = [mall.settings()["service_secret"], mall.settings()["license_key"]]

    shown = [
        cli("channels", "add", "rakuten", "--name", "本店", "--from-file", str(settings_file), "--json"),
        cli("channels", "list", "--json"),
        cli("channels", "list"),
        cli("channels", "test", "本店", "--json"),
        cli("channels", "add", "rakuten", "--name", "x", "--set", f"license_key={secrets[1]}"),
    ]

    assert not [one for one in shown for secret in secrets if secret in one.out + one.err]


def test_credentials_come_from_the_environment_too(
    cli: Cli, mall: RunningMall, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = mall.settings()
    monkeypatch.setenv("GATEWAY_CHANNEL_SERVICE_SECRET", settings["service_secret"])
    monkeypatch.setenv("GATEWAY_CHANNEL_LICENSE_KEY", settings["license_key"])

    added = cli(
        "channels", "add", "rakuten", "--name", "本店",
        "--set", f"base_url={settings['base_url']}", "--set", "request_interval=0", "--set", "page_size=50",
    )  # fmt: skip

    assert added.exit_code == 0, added.err


def test_a_credential_is_not_taken_as_an_argument(cli: Cli) -> None:
    refused = cli("channels", "add", "rakuten", "--name", "本店", "--set", "license_key=SL1")

    assert refused.exit_code == 2
    assert refused.err.startswith("gateway: license_key is a credential")
    assert "GATEWAY_CHANNEL_LICENSE_KEY" in refused.err


def test_missing_credentials_are_named_when_nobody_can_be_asked(cli: Cli) -> None:
    refused = cli("channels", "add", "rakuten", "--name", "本店")

    assert refused.exit_code == 2
    assert refused.err == (
        "gateway: missing: service_secret, license_key; use --from-file, or set "
        "GATEWAY_CHANNEL_SERVICE_SECRET, GATEWAY_CHANNEL_LICENSE_KEY\n"
    )


def test_a_wrong_option_is_named_and_nothing_is_stored(cli: Cli, settings_file: Path) -> None:
    wrong = cli(
        "channels", "add", "rakuten", "--name", "本店", "--from-file", str(settings_file), "--set", "page_size=1000"
    )

    assert wrong.exit_code == 2
    assert "/page_size" in wrong.err
    assert cli("channels", "list", "--json").json == []


@pytest.mark.parametrize("text", ["[1]", "{", "\ufeff\ufeff"])
def test_a_file_that_holds_no_settings_is_refused(cli: Cli, tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text, encoding="utf-8")

    refused = cli("channels", "add", "rakuten", "--name", "本店", "--from-file", str(file))

    assert refused.exit_code == 2
    assert refused.err.count("\n") == 1
    assert "wrong.json" in refused.err


def test_a_channel_that_the_mall_does_not_let_in_is_paused_until_it_is_renewed(
    cli: Cli, mall: RunningMall, settings_file: Path, tmp_path: Path
) -> None:
    settings_file.write_text(json.dumps({**mall.settings(), "license_key": "SL_wrong"}), encoding="utf-8")
    renewed = tmp_path / "renewed.json"
    renewed.write_text(json.dumps({"license_key": mall.settings()["license_key"]}), encoding="utf-8")

    added = cli("channels", "add", "rakuten", "--name", "本店", "--from-file", str(settings_file))
    paused = cli("channels", "list", "--json").json[0]
    mended = cli("channels", "renew", "本店", "--from-file", str(renewed))

    assert added.exit_code == 1
    assert "is stored, but its test failed" in added.err
    assert (paused["state"], paused["reason_code"]) == ("paused", "credentials_refused")
    assert mended.exit_code == 0, mended.err
    assert cli("channels", "list", "--json").json[0]["state"] == "active"


def test_a_renewal_without_anything_new_is_refused(cli: Cli, channel: str) -> None:
    refused = cli("channels", "renew", channel)

    assert refused.exit_code == 2
    assert "nothing is to change" in refused.err


def test_a_channel_is_paused_and_resumed(cli: Cli, channel: str) -> None:
    paused = cli("channels", "pause", channel, "--reason", "棚卸し")
    between = cli("channels", "list", "--json").json[0]
    resumed = cli("channels", "resume", channel)

    assert paused.out == "本店 is paused\n"
    assert (between["reason_code"], between["reason"]) == ("paused_by_person", "棚卸し")
    assert resumed.out == "本店 is active\n"


def test_a_channel_is_found_by_its_id_as_well(cli: Cli, channel: str) -> None:
    id_ = cli("channels", "list", "--json").json[0]["id"]

    tested = cli("channels", "test", id_)

    assert tested.exit_code == 0


def test_an_unknown_or_ambiguous_channel_is_named(cli: Cli, channel: str, settings_file: Path) -> None:
    cli("channels", "add", "rakuten", "--name", channel, "--from-file", str(settings_file))

    unknown = cli("channels", "pause", "支店")
    ambiguous = cli("channels", "pause", channel)

    assert (unknown.exit_code, ambiguous.exit_code) == (2, 2)
    assert "there is no channel '支店'; `gateway channels list` shows them" in unknown.err
    assert "2 channels are named '本店'; use the id" in ambiguous.err


def test_after_resealing_the_newest_key_alone_opens_the_credentials(
    cli: Cli, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_SECRET_KEYS", "old")
    cli("channels", "add", "rakuten", "--name", "本店", "--from-file", str(settings_file))
    monkeypatch.setenv("GATEWAY_SECRET_KEYS", "new")
    closed = cli("channels", "test", "本店")
    monkeypatch.setenv("GATEWAY_SECRET_KEYS", "new,old")
    resealed = cli("channels", "reseal")
    monkeypatch.setenv("GATEWAY_SECRET_KEYS", "new")
    opened = cli("channels", "test", "本店")

    assert closed.exit_code == 2
    assert "GATEWAY_SECRET_KEYS" in closed.err
    assert resealed.out == "1 channels are sealed with the newest key\n"
    assert opened.exit_code == 0
