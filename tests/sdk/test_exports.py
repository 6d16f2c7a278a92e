"""What the SDK promises to connectors by name."""

import ast
import importlib
from pathlib import Path

import pytest

from gateway import sdk
from gateway.sdk import testing


@pytest.mark.parametrize("module", [sdk, testing], ids=["sdk", "testing"])
def test_the_names_are_sorted_and_exist(module: object) -> None:
    names: list[str] = module.__all__  # type: ignore[attr-defined]

    assert names == sorted(names)
    assert [name for name in names if getattr(module, name, None) is None] == []


@pytest.mark.parametrize("module", [sdk, testing], ids=["sdk", "testing"])
def test_every_name_that_is_imported_to_be_public_is_listed(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway.sdk")
        for alias in node.names
    }

    assert imported == set(module.__all__)  # type: ignore[attr-defined]


def test_every_error_class_is_exported() -> None:
    errors = importlib.import_module("gateway.sdk.errors")
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")}

    assert classes <= set(sdk.__all__)


def test_every_public_name_has_a_docstring() -> None:
    classes = [getattr(sdk, name) for name in sdk.__all__]

    undocumented = [one.__name__ for one in classes if isinstance(one, type) and not (one.__doc__ or "").strip()]

    assert undocumented == []


def test_an_unknown_name_of_the_kit_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = testing.Nothing
