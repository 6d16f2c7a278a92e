"""One text, one fingerprint, however a mall reformats it."""

import hashlib
import unicodedata


def normal_form(text: str) -> str:
    """Return `text` as NFKC with LF line ends, no trailing blanks, no blank lines at either end."""
    lines = unicodedata.normalize("NFKC", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n").strip()


def fingerprint(text: str) -> str:
    """Return the SHA-256 of the text's normal form, in hexadecimal; equal texts of one reply agree."""
    return hashlib.sha256(normal_form(text).encode()).hexdigest()
