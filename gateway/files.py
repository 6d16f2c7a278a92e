"""Bytes of attachments: in a folder by default, in any fsspec file system by setting."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fsspec
import puremagic

UNKNOWN_TYPE = "application/octet-stream"
TEXT_TYPE = "text/plain"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where the bytes are and what they are: `content_type` is sniffed from them, never claimed."""

    key: str
    sha256: str
    size: int
    content_type: str


class FileStore:
    """Content-addressed files; the same bytes are stored once.

    Args:
        location: a folder, or an fsspec URL such as `s3://bucket/folder`.
        options: given to the fsspec file system (keys, endpoint).
    """

    def __init__(self, location: str, options: Mapping[str, Any] | None = None) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(location, **(options or {}))

    async def put(self, content: bytes) -> StoredFile:
        """Store `content` and tell what it is."""
        digest = hashlib.sha256(content).hexdigest()
        stored = StoredFile(f"{digest[:2]}/{digest}", digest, len(content), sniff(content))
        await asyncio.to_thread(self._write, stored.key, content)
        return stored

    async def get(self, key: str) -> bytes:
        """Return the bytes under `key`.

        Raises:
            FileNotFoundError: nothing is stored there.
        """
        content: bytes = await asyncio.to_thread(self._fs.cat_file, self._path(key))
        return content

    def _write(self, key: str, content: bytes) -> None:
        path = self._path(key)
        if self._fs.exists(path) and self._fs.size(path) == len(content):
            return
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        # fsspec's transaction keeps a half-written file from standing under the final name.
        self._fs.pipe_file(f"{path}.part", content)
        self._fs.mv(f"{path}.part", path)

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}"


def sniff(content: bytes) -> str:
    """Return the media type that the first bytes show; text if it is clean UTF-8, else unknown."""
    if not content:
        return UNKNOWN_TYPE
    try:
        found = puremagic.magic_string(content[:8192])
    except (puremagic.PureError, ValueError):
        found = []
    for match in sorted(found, key=lambda match: -match.confidence):
        if match.mime_type and match.byte_match:
            return _ALIASES.get(str(match.mime_type), str(match.mime_type))
    return TEXT_TYPE if _is_text(content) else UNKNOWN_TYPE


# Names that libraries give to one type; the rules of malls are written with the registered one.
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(ord(character) < 32 and character not in "\t\n\r\f" for character in text[:8192])
