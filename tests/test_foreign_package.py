"""A connector that is somebody else's package: built, installed with pip, discovered, and held to the same contract."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "foreign" / "gateway_connector_acme"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package, with no network."""
    work = tmp_path_factory.mktemp("foreign")
    shutil.copytree(SOURCE, work / "source")
    offline = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
    _run(work, "-m", "pip", "wheel", *offline, "--no-build-isolation", "--wheel-dir", "wheels", "./source")
    (wheel,) = (work / "wheels").glob("*.whl")
    _run(work, "-m", "pip", "install", *offline, "--target", "site", str(wheel))
    return work / "site"


def test_an_installed_package_is_discovered_by_its_entry_point(installed: Path, tmp_path: Path) -> None:
    code = (
        "from gateway.registry import discover\n"
        "found = discover()\n"
        "print(found.connectors['acme'].name.en, found.places['acme'], 'example' in found.connectors, sep='|')\n"
    )

    said = _run(tmp_path, "-c", code, path=installed)

    assert said.strip() == "Acme Classifieds|gateway_connector_acme:connector (gateway-connector-acme 1.0.0)|True"


def test_an_installed_package_runs_the_contract_kit_in_one_line(installed: Path, tmp_path: Path) -> None:
    test = shutil.copy(SOURCE / "test_acme.py", tmp_path)
    options = ("-q", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider")
    place = ("-c", os.devnull, "--rootdir", str(tmp_path))

    said = _run(tmp_path, "-m", "pytest", str(test), *options, *place, path=installed)

    assert " passed" in said
    assert "failed" not in said


def test_a_package_whose_key_is_taken_is_refused_with_both_places(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(installed / "gateway_connector_acme", tmp_path / "acme")
    code = (
        "from gateway.registry import DuplicateConnectorError, discover\n"
        "try: discover()\n"
        "except DuplicateConnectorError as error: print(error)\n"
    )

    said = _run(tmp_path, "-c", code, path=installed, GATEWAY_CONNECTORS_PATH=str(tmp_path))

    assert str(tmp_path / "acme") in said
    assert "gateway_connector_acme:connector (gateway-connector-acme 1.0.0)" in said


def _run(folder: Path, *arguments: str, path: Path | None = None, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment, **({"PYTHONPATH": str(path)} if path else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout
