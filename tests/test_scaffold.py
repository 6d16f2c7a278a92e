"""Adding a mall is adding a folder: a copy of the example, under another name, is a whole connector."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.scaffold import ScaffoldError, create_connector


def test_the_copy_has_all_files_of_the_example_under_its_own_name(tmp_path: Path) -> None:
    folder = create_connector("acme_market", tmp_path)

    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    texts = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    assert folder == tmp_path / "acme_market"
    assert {"__init__.py", "connector.py", "README.md", "simulator.py"} <= files
    assert "fixtures/question_before_order.raw.json" in files
    assert not any("__pycache__" in name for name in files)
    assert "class AcmeMarketConnector(Connector[AcmeMarketSettings])" in texts
    assert "connectors.example" not in texts
    assert "Example" not in texts
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# Acme Market\n")


def test_the_copy_passes_the_contract_kit_without_any_edit(tmp_path: Path) -> None:
    create_connector("acme_market", tmp_path / "malls")
    test = tmp_path / "test_acme_market.py"
    test.write_text('from gateway.sdk.testing import contract_for\n\nTestIt = contract_for("acme_market")\n')
    options = ["-q", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider"]

    finished = subprocess.run(
        [sys.executable, "-m", "pytest", str(test), *options, "-c", os.devnull, "--rootdir", str(tmp_path)],
        env={**os.environ, "GATEWAY_CONNECTORS_PATH": str(tmp_path / "malls")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout
    assert " passed" in finished.stdout
    assert "failed" not in finished.stdout


@pytest.mark.parametrize("key", ["", "Acme", "acme-market", "1st", "example", "../acme", "a" * 51, "日本"])
def test_a_key_of_another_form_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ScaffoldError, match="snake_case"):
        create_connector(key, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "connector.py").write_text("mine")

    with pytest.raises(ScaffoldError, match="exists"):
        create_connector("acme", tmp_path)

    assert [path.name for path in (tmp_path / "acme").iterdir()] == ["connector.py"]
