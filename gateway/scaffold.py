"""A new connector: the example one under another name."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from gateway.sdk.discovery import KEY_FORM

TEMPLATE = "example"
_COPIED = {".py", ".md", ".json"}


class ScaffoldError(Exception):
    """The connector cannot be created; the message says why and what to do."""


def create_connector(key: str, into: Path) -> Path:
    """Copy the example connector to the folder `into / key` with all its names changed, and return that folder.

    Raises:
        ScaffoldError: the key has not the form of one, or the folder exists.
    """
    if not KEY_FORM.fullmatch(key) or key == TEMPLATE:
        raise ScaffoldError(f"a key is the mall's name in snake_case, such as acme_market, and not {key!r}")
    target = into / key
    if target.exists():
        raise ScaffoldError(f"{target} exists; choose another key or remove it first")
    template = _template()
    for source in sorted(template.rglob("*")):
        if source.is_file() and source.suffix in _COPIED:
            copy = target / source.relative_to(template)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(_renamed(source.read_text(encoding="utf-8"), key), encoding="utf-8")
    return target


def _template() -> Path:
    spec = importlib.util.find_spec(f"connectors.{TEMPLATE}")
    if spec is None or spec.origin is None:
        raise ScaffoldError(f"the folder connectors/{TEMPLATE} is missing from this installation")
    return Path(spec.origin).parent


def _renamed(text: str, key: str) -> str:
    words = key.split("_")
    text = text.replace(f"connectors.{TEMPLATE}", f"connectors.{key}")
    text = text.replace(f'key = "{TEMPLATE}"', f'key = "{key}"')
    text = re.sub(r"\bExample(?=[A-Z])", "".join(word.capitalize() for word in words), text)
    title = " ".join(word.capitalize() for word in words)
    return text.replace("Example Market", title).replace("サンプルマーケット", title)
