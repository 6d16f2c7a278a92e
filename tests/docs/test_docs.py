"""The documents speak of everything there is, and of nothing else."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway import model, sdk
from gateway.casework.actions import Action
from gateway.casework.replies import Resolution
from gateway.cli import app
from gateway.config import Config
from gateway.sdk import Capabilities, ReplyLimits

ROOT = Path(__file__).parents[2]
DOCS = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
PAGES = [
    page.relative_to(ROOT)
    for page in sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("connectors/*/README.md")})
]
READMES = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md")]

ENUMS: list[type[StrEnum]] = [
    *(thing for thing in vars(model).values() if inspect.isclass(thing) and issubclass(thing, StrEnum)),
    *(thing for thing in vars(sdk).values() if inspect.isclass(thing) and issubclass(thing, StrEnum)),
    Action,
    Resolution,
]
LOGGED_STATUSES = set(model.ReplyStatus) - {model.ReplyStatus.DRAFT, model.ReplyStatus.CANCELLED}
ERRORS = [name for name, thing in vars(sdk).items() if inspect.isclass(thing) and issubclass(thing, sdk.ConnectorError)]


def commands(group: Any = None, path: tuple[str, ...] = ("gateway",)) -> Iterator[str]:
    """Return every command of the command line, in words."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


def paths() -> list[str]:
    document = json.loads((ROOT / "openapi" / "gateway.json").read_text(encoding="utf-8"))
    return list(document["paths"])


def anchors(page: Path) -> set[str]:
    """Return what a link into a page can name: its headings as they are turned into anchors."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def log_events() -> set[str]:
    """Return the constant names of all events that the code logs."""
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("gateway", "connectors")
        for file in sorted((ROOT / folder).rglob("*.py"))
    )
    return set(re.findall(r"logger\.\w+\(\s*\"([a-z_.]+)\"", code))


def has_word(text: str, word: str) -> bool:
    """Whether `word` stands in `text` in code form: between backticks, alone or with others."""
    return re.search(rf"`[^`\n]*(?<![\w.-]){re.escape(word)}(?![\w-])[^`\n]*`", text) is not None


@pytest.mark.parametrize("name", Config.model_fields)
def test_every_setting_is_documented_with_its_meaning(name: str) -> None:
    assert re.search(rf"^\| `GATEWAY_{name.upper()}` \|.*\|.+\|$", DOCS, re.MULTILINE)


def test_no_setting_is_documented_that_does_not_exist() -> None:
    known = {f"GATEWAY_{name.upper()}" for name in Config.model_fields} | {"GATEWAY_CONNECTORS_PATH"}
    rows = re.findall(r"^\| `(GATEWAY_[A-Z_]+)` \|", DOCS, re.MULTILINE)

    assert set(rows) == known


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_is_documented(command: str) -> None:
    assert has_word(DOCS, command)


def test_no_command_is_documented_that_does_not_exist() -> None:
    rows = re.findall(r"^\| `(gateway [a-z -]+)` \|", DOCS, re.MULTILINE)

    assert set(rows) == set(commands())


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_every_error_class_is_documented(name: str) -> None:
    assert has_word(DOCS, name)


@pytest.mark.parametrize("name", [*Capabilities.model_fields, *ReplyLimits.model_fields])
def test_every_capability_is_documented(name: str) -> None:
    assert has_word(DOCS, name)


@pytest.mark.parametrize(
    ("enum", "value"),
    [pytest.param(enum, member.value, id=f"{enum.__name__}.{member.value}") for enum in ENUMS for member in enum],
)
def test_every_status_and_kind_is_documented(enum: type[StrEnum], value: str) -> None:
    assert has_word(DOCS, value)


@pytest.mark.parametrize("event", sorted(log_events() | {f"reply.{status.value}" for status in LOGGED_STATUSES}))
def test_every_event_of_the_log_is_documented(event: str) -> None:
    assert has_word(DOCS, event)


@pytest.mark.parametrize("path", paths())
def test_every_path_of_the_api_is_documented(path: str) -> None:
    assert path in DOCS


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (ROOT / page).parent / file if file else ROOT / page
        assert found.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{page} links to {target}"


def test_both_readmes_have_the_same_parts() -> None:
    english, japanese = ([line.split()[0] for line in text.splitlines() if line.startswith("#")] for text in READMES)

    assert english == japanese


def test_both_readmes_show_the_same_commands() -> None:
    blocks = [re.findall(r"```console\n(.*?)```", text, re.DOTALL) for text in READMES]
    english, japanese = ([re.sub(r"\s+#.*", "", block) for block in part] for part in blocks)

    assert english
    assert english == japanese


def test_both_readmes_link_to_the_same_pages() -> None:
    english, japanese = (set(re.findall(r"\]\(([^)\s]+)\)", text)) for text in READMES)

    assert english - {"README.ja.md"} == japanese - {"README.md"}


def test_make_targets_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [*READMES, DOCS, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")]
    used = {name for text in pages for name in re.findall(r"(?:^\$ |`|&& )make ([a-z-]+)", text, re.MULTILINE)}

    assert {"demo", "test"} <= used
    assert used <= targets


def test_commands_of_the_readmes_exist() -> None:
    known = set(commands())
    used = {
        f"gateway {words}"
        for text in [*READMES, DOCS]
        for words in re.findall(r"^\$ .*?(?:bin/|api )gateway ([a-z]+(?: [a-z]+)?)", text, re.MULTILINE)
    }

    assert used
    for command in used:
        assert command in known or command.rsplit(" ", 1)[0] in known, command


def test_records_of_decisions_are_numbered_without_gaps_and_have_all_parts() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    parts = ["Context", "Decision", "Consequences", "Alternatives", "References"]

    assert [int(page.name[:4]) for page in records] == list(range(1, len(records) + 1))
    for page in records:
        assert re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE) == parts, page.name
