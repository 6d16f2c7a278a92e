"""Which connectors exist: folders of `connectors/`, further folders, then entry points of installed packages.

A package that cannot be imported is reported and the others go on. A key that exists twice stops everything, since
nobody could say which code a channel's answers would leave through.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway.sdk.connector import AnyConnector, Connector

NAMESPACE = "connectors"
ENTRY_POINTS = "gateway.connectors"
FOLDERS_VARIABLE = "GATEWAY_CONNECTORS_PATH"
KEY_FORM = re.compile(r"[a-z][a-z0-9_]{0,49}")


class DuplicateConnectorError(Exception):
    """Two places offer a connector with the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryProblem:
    """A connector that cannot be used: its key (as far as known), where it stands, and why not."""

    key: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What was found: connector classes by key, where each stands, and what could not be loaded."""

    connectors: Mapping[str, type[AnyConnector]]
    places: Mapping[str, str]
    problems: tuple[DiscoveryProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    key: str
    place: str
    load: Callable[[], Any]


def discover(folders: Sequence[Path] | None = None) -> Discovery:
    """Find every connector and import it.

    Args:
        folders: folders beside the built-in `connectors/` whose subfolders are connectors too; without it
            those that the environment variable `GATEWAY_CONNECTORS_PATH` lists.
    Raises:
        DuplicateConnectorError: a key exists twice; the message names both places.
    """
    extra = _folders_of_environment() if folders is None else list(folders)
    connectors: dict[str, type[AnyConnector]] = {}
    places: dict[str, str] = {}
    problems = [_missing(folder) for folder in extra if not folder.is_dir()]
    for candidate in (*_in_folders(extra), *_in_packages()):
        if candidate.key in places:
            raise DuplicateConnectorError(
                f"two connectors have the key {candidate.key}: {places[candidate.key]} and {candidate.place}; "
                "remove or rename one of them"
            )
        places[candidate.key] = candidate.place
        try:
            connectors[candidate.key] = _checked(candidate.key, candidate.load())
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            problems.append(DiscoveryProblem(key=candidate.key, place=candidate.place, reason=reason))
    return Discovery(connectors=connectors, places=places, problems=tuple(problems))


def _folders_of_environment() -> list[Path]:
    return [Path(folder) for folder in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if folder]


def _missing(folder: Path) -> DiscoveryProblem:
    return DiscoveryProblem(key="", place=str(folder), reason=f"{FOLDERS_VARIABLE} names a folder that does not exist")


def _in_folders(extra: Sequence[Path]) -> Iterator[_Candidate]:
    namespace = _namespace()
    if namespace is None:
        return
    for folder in extra:
        if folder.is_dir() and str(folder) not in namespace.__path__:
            namespace.__path__.append(str(folder))
    # Folder by folder: over the whole path at once, pkgutil would hide the second of two equal names.
    for place in list(namespace.__path__):
        for found in sorted(pkgutil.iter_modules([place]), key=lambda module: module.name):
            if found.ispkg and not found.name.startswith("_"):
                name = f"{NAMESPACE}.{found.name}"
                yield _Candidate(
                    key=found.name,
                    place=str(Path(place) / found.name),
                    load=lambda name=name: importlib.import_module(name).connector,  # type: ignore[misc]
                )


def _namespace() -> ModuleType | None:
    try:
        return importlib.import_module(NAMESPACE)
    except ModuleNotFoundError:
        return None


def _in_packages() -> Iterator[_Candidate]:
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown package"
        yield _Candidate(key=point.name, place=f"{point.value} ({package})", load=point.load)


def _checked(key: str, found: Any) -> type[AnyConnector]:
    if not KEY_FORM.fullmatch(key):
        raise ValueError(f"a key is snake_case, such as acme_market, and this one is {key!r}")
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise TypeError(f"`connector` must be a subclass of gateway.sdk.Connector and is {found!r}")
    if getattr(found, "key", None) != key:
        raise ValueError(f"{found.__name__}.key is {getattr(found, 'key', None)!r} and must be {key!r}")
    return found
