"""What the gateway finds, and how a connector is bound to a channel's settings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, SecretStr

import connectors
from gateway.model.errors import InvalidError, NotFoundError
from gateway.registry import (
    DuplicateConnectorError,
    connect,
    discover,
    get_connector,
    parse_settings,
    split_settings,
)
from gateway.scaffold import create_connector
from gateway.sdk import ChannelSettings, Connector, Inquiry, RawRecord, Text
from gateway.sdk.testing import memory_context

SECRET = "em-very-secret"


class ManySettings(ChannelSettings):
    shop: Annotated[str, Field(description="Name of the shop.")]
    key: Annotated[SecretStr, Field(description="Key.")]
    spare_key: Annotated[SecretStr | None, Field(description="Second key while the first is renewed.")] = None
    callback_keys: Annotated[tuple[SecretStr, ...], Field(description="Keys of the callback.")] = ()
    pages: Annotated[dict[str, int], Field(default_factory=dict, description="Pages.")]


class ManyConnector(Connector[ManySettings]):
    key = "many"
    name = Text(ja="メニー", en="Many")
    settings_type = ManySettings

    def normalise(self, record: RawRecord) -> Inquiry:
        raise NotImplementedError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of connectors that is forgotten after the test."""
    before = list(connectors.__path__)
    loaded = set(sys.modules)
    yield tmp_path
    connectors.__path__[:] = before
    for name in set(sys.modules) - loaded:
        if name.startswith("connectors."):
            del sys.modules[name]


def _package(folder: Path, name: str, code: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)


def test_the_folders_of_connectors_are_found() -> None:
    found = discover()

    assert found.connectors["example"].key == "example"
    assert Path(found.places["example"]).parts[-2:] == ("connectors", "example")


def test_a_further_folder_is_found_too(folder: Path) -> None:
    create_connector("corner_shop", folder)

    found = discover([folder])

    assert found.connectors["corner_shop"].key == "corner_shop"
    assert {"example", "corner_shop"} <= found.connectors.keys()


def test_a_package_that_fails_to_import_does_not_stop_the_others(folder: Path) -> None:
    _package(folder, "broken_import", "import a_module_that_is_not_there")
    _package(folder, "broken_code", "connector = 1 / 0")
    _package(folder, "zz_good", "")
    create_connector("last_one", folder)

    found = discover([folder])

    problems = {problem.key: problem for problem in found.problems}
    assert "a_module_that_is_not_there" in problems["broken_import"].reason
    assert problems["broken_code"].reason == "ZeroDivisionError: division by zero"
    assert problems["broken_code"].place == str(folder / "broken_code")
    assert "connector" in problems["zz_good"].reason
    assert {"example", "last_one"} <= found.connectors.keys()


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("no_class", "connector = object()", "must be a subclass of gateway.sdk.Connector"),
        ("other_key", "from connectors.example import connector", "ExampleConnector.key is 'example'"),
        ("BadForm", "from connectors.example import connector", "a key is snake_case"),
    ],
)
def test_what_is_no_connector_is_reported_with_its_reason(folder: Path, name: str, code: str, reason: str) -> None:
    _package(folder, name, code)

    found = discover([folder])

    assert name not in found.connectors
    assert [reason in problem.reason for problem in found.problems if problem.key == name] == [True]


def test_plain_modules_and_private_folders_are_no_connectors(folder: Path) -> None:
    (folder / "module.py").write_text("raise RuntimeError")
    _package(folder, "_private", "raise RuntimeError")

    found = discover([folder])

    assert {"module", "_private"}.isdisjoint(found.places)


def test_a_key_that_exists_twice_is_refused_and_both_places_are_named(folder: Path) -> None:
    _package(folder, "example", "from connectors.example import connector")

    with pytest.raises(DuplicateConnectorError) as caught:
        discover([folder])

    assert str(Path("connectors", "example")) in str(caught.value)
    assert str(folder / "example") in str(caught.value)


def test_a_folder_that_does_not_exist_is_reported(folder: Path) -> None:
    missing = folder / "nowhere"

    found = discover([missing])

    assert [(problem.place, "does not exist" in problem.reason) for problem in found.problems] == [(str(missing), True)]


def test_the_environment_names_further_folders(folder: Path) -> None:
    create_connector("corner_shop", folder)
    _package(folder, "broken", "raise RuntimeError('no licence')")

    said = _python(
        "from gateway.registry import get_connector\n"
        "print(get_connector('corner_shop').__name__)\n"
        "try: get_connector('broken')\n"
        "except Exception as error: print(type(error).__name__, error)\n",
        GATEWAY_CONNECTORS_PATH=str(folder),
    )

    assert "CornerShopConnector" in said
    assert f"InvalidError The connector broken ({folder / 'broken'}) cannot be loaded: RuntimeError: no licence" in said


def test_an_unknown_connector_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="There is no connector atlantis"):
        get_connector("atlantis")


def test_settings_are_split_into_options_and_credentials() -> None:
    settings = {"shop": "s", "key": "k", "spare_key": None, "callback_keys": ["a", "b"], "pages": {"a": 1}, "new": 1}

    options, credentials = split_settings(ManyConnector, settings)

    assert options == {"shop": "s", "pages": {"a": 1}, "new": 1}
    assert credentials == {"key": "k", "spare_key": None, "callback_keys": ["a", "b"]}


def test_a_connector_is_bound_to_valid_settings() -> None:
    context = memory_context(lambda: datetime(2026, 11, 18, tzinfo=UTC))

    bound = connect(ManyConnector, {"shop": "s", "key": SECRET}, context)

    assert isinstance(bound, ManyConnector)
    assert bound.settings.key.get_secret_value() == SECRET
    assert bound.context is context


def test_invalid_settings_are_refused_member_by_member() -> None:
    settings = {"key": {"nested": SECRET}, "callback_keys": ["a", 1], "pages": {"a/b": SECRET}, "shp": SECRET}

    with pytest.raises(InvalidError) as caught:
        parse_settings(ManyConnector, settings)

    problems = {problem.pointer: problem for problem in caught.value.problems}
    assert problems.keys() == {"/shop", "/key", "/callback_keys/1", "/pages/a~1b", "/shp"}
    assert problems["/shop"].code == "missing"
    assert problems["/shop"].message == Text(ja="この項目は必須です。", en="Field required.")
    assert caught.value.code == "invalid_settings"
    assert caught.value.text.ja.startswith("メニーの設定が正しくありません")


def test_refused_settings_repeat_no_value() -> None:
    with pytest.raises(InvalidError) as caught:
        parse_settings(ManyConnector, {"key": [SECRET], "pages": SECRET, "extra": SECRET})

    said = [
        str(caught.value),
        repr(caught.value.problems),
        repr(caught.value.__cause__),
        repr(caught.value.__context__),
    ]
    assert [text for text in said if SECRET in text] == []


def _python(code: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
