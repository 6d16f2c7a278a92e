"""The program that writes what recorded payloads mean."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.example import connector as example
from gateway.scaffold import create_connector
from gateway.sdk.testing import fixture_pairs


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "gateway.sdk.testing.fixtures", *arguments],
        env={**os.environ, "GATEWAY_CONNECTORS_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    """The fixtures of a connector of its own, in the folder `tmp_path`."""
    return create_connector("corner_shop", tmp_path) / "fixtures"


def test_every_payload_has_its_pair() -> None:
    pairs = fixture_pairs(example)

    assert [pair.scenario for pair in pairs] == sorted(pair.scenario for pair in pairs)
    assert all(pair.inquiry_path.exists() for pair in pairs)
    assert pairs[0].record.external_id == "em-4"
    assert pairs[0].record.content_type == "application/json"


def test_a_new_payload_is_written_and_then_agrees(fixtures: Path, tmp_path: Path) -> None:
    shutil.copy(fixtures / "unknown_words.raw.json", fixtures / "again.raw.json")

    checked = run(tmp_path, "--check", "corner_shop")
    is_untouched = not (fixtures / "again.inquiry.json").exists()
    written = run(tmp_path, "corner_shop")
    agreed = run(tmp_path, "--check", "corner_shop")

    assert (checked.returncode, checked.stdout.strip()) == (1, f"differs: {fixtures / 'again.inquiry.json'}")
    assert is_untouched
    assert (written.returncode, written.stdout.strip()) == (0, f"written: {fixtures / 'again.inquiry.json'}")
    assert (agreed.returncode, agreed.stdout) == (0, "")
    original = (fixtures / "unknown_words.inquiry.json").read_text(encoding="utf-8")
    assert (fixtures / "again.inquiry.json").read_text(encoding="utf-8") == original


def test_a_pair_that_was_changed_by_hand_differs(fixtures: Path, tmp_path: Path) -> None:
    path = fixtures / "unknown_words.inquiry.json"
    path.write_text(path.read_text(encoding="utf-8").replace("lucky-draw", "other"), encoding="utf-8")

    assert run(tmp_path, "--check", "corner_shop").returncode == 1


def test_without_a_key_every_connector_is_compared(fixtures: Path, tmp_path: Path) -> None:
    (fixtures / "unknown_words.inquiry.json").unlink()

    checked = run(tmp_path, "--check")

    assert f"differs: {fixtures / 'unknown_words.inquiry.json'}" in checked.stdout


def test_an_unknown_connector_is_named(tmp_path: Path) -> None:
    finished = run(tmp_path, "atlantis")

    assert finished.returncode != 0
    assert "no connector atlantis" in finished.stderr
