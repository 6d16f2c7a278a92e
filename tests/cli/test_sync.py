"""`gateway sync`: everything that is due, once."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli, RunningMall


def test_all_that_came_in_is_read_and_said_in_one_line(cli: Cli, channel: str, mall: RunningMall) -> None:
    threads = mall.simulator.threads()

    synced = cli("sync")

    assert synced.exit_code == 0
    assert synced.err == ""
    assert synced.out.startswith(f"gateway sync: 1 of 1 channels read; {len(threads)} records, ")
    assert synced.out.count("\n") == 1


def test_later_runs_find_only_what_is_new(cli: Cli, channel: str, mall: RunningMall) -> None:
    cli("sync")
    cli("channels", "renew", channel, "--set", "recent_every=1")
    mall.simulator.customer_writes("在庫はありますか？")

    # Each run takes a moment, so that one of them comes when the list is to be read again.
    runs = [cli("sync", "--json").json["channels"][0] for _ in range(10)]

    assert [(run["records"], run["messages"]) for run in runs if run["records"]] == [(1, 1)]


def test_files_of_messages_are_copied(cli: Cli, channel: str) -> None:
    synced = cli("sync", "--json").json

    assert synced["files"]["stored"] > 0


def test_a_channel_that_cannot_be_read_makes_the_exit_code_1_and_the_others_go_on(
    cli: Cli, channel: str, mall: RunningMall, settings_file: Path
) -> None:
    # Nobody listens on the port for discarding.
    settings_file.write_text(json.dumps({**mall.settings(), "base_url": "http://127.0.0.1:9/es/1.0"}), encoding="utf-8")
    cli("channels", "add", "rakuten", "--name", "支店", "--from-file", str(settings_file))

    synced = cli("sync", "--json")

    assert synced.exit_code == 1
    outcomes = {one["name"]: one["outcome"] for one in synced.json["channels"]}
    assert outcomes == {channel: "read", "支店": "failed"}


def test_a_channel_that_the_mall_has_shut_out_stays_news(cli: Cli, channel: str, mall: RunningMall) -> None:
    mall.simulator.expire_credentials()

    first, second = cli("sync"), cli("sync")

    assert (first.exit_code, second.exit_code) == (1, 1)
    assert "1 failed" in second.out
    assert f"{channel}: " in second.out


def test_a_channel_that_a_person_paused_is_no_failure(cli: Cli, channel: str) -> None:
    cli("channels", "pause", channel)

    synced = cli("sync")

    assert synced.exit_code == 0
    assert "0 of 1 channels read, 1 paused" in synced.out


def test_only_the_named_channels_are_read(cli: Cli, channel: str, settings_file: Path) -> None:
    cli("channels", "add", "rakuten", "--name", "支店", "--from-file", str(settings_file))

    synced = cli("sync", "支店", "--json").json

    assert [one["name"] for one in synced["channels"]] == ["支店"]


def test_unreadable_records_are_counted_and_stop_nothing(cli: Cli, channel: str, mall: RunningMall) -> None:
    mall.simulator.add_unreadable()

    synced = cli("sync", "--json")

    assert synced.exit_code == 0
    assert synced.json["channels"][0]["quarantined"] == 1
    assert synced.json["channels"][0]["messages"] > 0


def test_without_channels_there_is_nothing_to_do(cli: Cli) -> None:
    synced = cli("sync")

    assert synced.exit_code == 0
    assert synced.out == (
        "gateway sync: 0 of 0 channels read; 0 records, 0 new messages, 0 quarantined; replies: none due\n"
    )


def test_an_unknown_channel_is_a_wrong_call(cli: Cli) -> None:
    synced = cli("sync", "支店")

    assert synced.exit_code == 2
    assert synced.out == ""
