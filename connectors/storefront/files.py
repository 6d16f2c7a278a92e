"""What a file really is, and what it may be called."""

from __future__ import annotations

import re
import unicodedata

import puremagic

ALLOWED_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "application/pdf", "text/plain")
MAX_NAME_CHARS = 120

_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/heif": "image/heic"}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
# Where marks stand at the start of a file; what lies behind does not change its type.
_HEAD_BYTES = 4096
_MARKUP = re.compile(r"\s*<(!doctype|\?xml|html|head|body|script|svg|iframe|!--)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_UNSAFE_IN_NAME = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200b-\u200f\u202a-\u202e\u2066-\u2069]')


def sniff(content: bytes) -> str:
    """Return the media type that the bytes themselves show, `application/octet-stream` if they show none."""
    found = _by_mark(content)
    if found in ALLOWED_TYPES:
        return found
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        return "image/heic"
    # Plain text may begin with letters that are some format's mark, so text is asked for itself.
    text = _as_text(content)
    if text is not None and not _MARKUP.match(text):
        return "text/plain"
    return found or "application/octet-stream"


def same_type(claimed: str | None, sniffed: str) -> bool:
    """Whether a claimed media type means the sniffed one; no claim is no lie."""
    if not claimed:
        return True
    name = claimed.split(";")[0].strip().lower()
    return _ALIASES.get(name, name) == sniffed


def clean_name(name: str) -> str:
    """Return a file name without path, control and direction characters, at most 120 characters."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = _UNSAFE_IN_NAME.sub("_", last).strip(" .")
    if not cleaned:
        return "file"
    stem, dot, suffix = cleaned.rpartition(".")
    if dot and stem and len(suffix) <= 10:
        return stem[: MAX_NAME_CHARS - len(suffix) - 1] + dot + suffix
    return cleaned[:MAX_NAME_CHARS]


def _by_mark(content: bytes) -> str:
    try:
        matches = puremagic.magic_string(content[:_HEAD_BYTES])
    except (puremagic.PureError, ValueError):
        return ""
    best = str(matches[0].mime_type) if matches else ""
    return _ALIASES.get(best, best)


def _as_text(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if _CONTROL.search(text) else text
    return None
