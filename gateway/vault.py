"""Encryption of credentials at rest, with keys that can be rotated."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class VaultError(Exception):
    """What was encrypted cannot be opened with the keys at hand."""


class Vault:
    """Seals JSON objects with the newest key and opens them with any.

    Keys are texts of any form; each is stretched to a Fernet key. To rotate, put the new key first in
    GATEWAY_SECRET_KEYS and keep the old one behind it until everything has been sealed anew.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_stretched(key)) for key in keys])
        self._root = hashlib.sha256(b"madoguchi derived keys" + keys[-1].encode()).digest()

    def seal(self, secret: Mapping[str, Any]) -> bytes:
        """Encrypt a JSON object."""
        return self._fernet.encrypt(json.dumps(dict(secret)).encode())

    def open(self, sealed: bytes) -> dict[str, Any]:
        """Decrypt what `seal` made.

        Raises:
            VaultError: no key fits.
        """
        try:
            opened: dict[str, Any] = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise VaultError(
                "stored credentials cannot be opened: put the key they were made with into GATEWAY_SECRET_KEYS"
            ) from error
        return opened

    def derive(self, purpose: str) -> bytes:
        """Return a key for signing that is bound to `purpose` and stays the same while the oldest key is kept."""
        return hashlib.blake2b(purpose.encode(), key=self._root, digest_size=32).digest()


def _stretched(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.scrypt(key.encode(), salt=b"madoguchi vault", n=2**12, r=8, p=1, dklen=32))
