"""openapi/gateway.json is generated, committed, compared, and free of complaints by Spectral's rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.api.openapi import openapi_document
from gateway.api.problems import PROBLEMS
from gateway.app import create_app
from gateway.model import Scope
from gateway.runtime import Runtime
from tests.conftest import REQUIRES_ALL

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "openapi" / "gateway.json"
SPECTRAL = ROOT / "tools" / "spectral"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in openapi_document()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_committed_document_is_what_the_code_says() -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))

    assert committed == json.loads(json.dumps(openapi_document())), "run `make openapi`"


def test_the_app_serves_the_same_document(runtime: Runtime) -> None:
    app = create_app(runtime)

    assert app.openapi() == openapi_document()


def test_spectral_has_nothing_to_complain_about() -> None:
    program = SPECTRAL / "node_modules" / ".bin" / "spectral"
    if not program.exists() or shutil.which("node") is None:
        reason = "Spectral is not installed: make test-tools"
        if REQUIRES_ALL:
            pytest.fail(reason)
        pytest.skip(reason)

    done = subprocess.run(
        [program, "lint", "--fail-severity", "hint", "--ruleset", SPECTRAL / ".spectral.yaml", COMMITTED],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_call_but_health_needs_a_token_with_one_scope() -> None:
    scopes = {path: operation.get("x-required-scopes") for path, _, operation in operations()}

    open_paths = {path for path, found in scopes.items() if found is None}
    assert open_paths == {"/healthz", "/readyz"}
    assert {scope for found in scopes.values() for scope in found or []} == {scope.value for scope in Scope}


def test_every_error_is_a_problem_document() -> None:
    for path, method, operation in operations():
        if not path.startswith("/v1/"):
            continue
        for status, response in operation["responses"].items():
            if status[0] in "45":
                assert set(response["content"]) == {"application/problem+json"}, (path, method, status)


def test_paths_are_plural_kebab_case_and_members_are_snake_case() -> None:
    document = openapi_document()

    for path in document["paths"]:
        assert re.fullmatch(r"(/([a-z][a-z0-9-]*|\{[a-z_]+\}))+", path), path
    for name, schema in document["components"]["schemas"].items():
        for member in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z][a-z0-9_]*", member), (name, member)


def test_answers_have_no_defaults_since_every_member_is_always_there() -> None:
    schemas = openapi_document()["components"]["schemas"]

    answers = {name: schema for name, schema in schemas.items() if name.endswith("Public")}

    assert answers
    for name, schema in answers.items():
        assert set(schema["required"]) == set(schema["properties"]), name
        assert not any("default" in member for member in schema["properties"].values()), name


def test_every_schema_shows_examples() -> None:
    schemas = openapi_document()["components"]["schemas"]

    for name, schema in schemas.items():
        if "properties" not in schema or name.startswith(("Page_", "Body_")):
            continue
        assert "examples" in json.dumps(schema) or "$ref" in json.dumps(schema) or "const" in json.dumps(schema), name


def test_the_page_of_the_api_describes_every_call_scope_and_problem() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    for path, method, _ in operations():
        assert re.search(rf"{method.upper()}`?[^|\n]*{re.escape(path)}`", page), (method, path)
    for word in (*PROBLEMS, *(scope.value for scope in Scope)):
        assert f"`{word}`" in page, word
