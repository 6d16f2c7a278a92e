"""The mall's RSA pairs: it gives out public keys with versions and decrypts what comes back."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BITS = 2048
KEY_LIFE = timedelta(days=365)
MAX_ACTIVE_KEYS = 2


@cache
def _pair(number: int) -> rsa.RSAPrivateKey:
    """Return the `number`-th pair of this process: making one takes a moment, so all malls share them."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


@dataclass(frozen=True, slots=True)
class StoreKey:
    """One key of the store account."""

    version: int
    issued_at: datetime
    pair_number: int

    @property
    def public_pem(self) -> str:
        """The public key as the mall's screen shows it."""
        return (
            _pair(self.pair_number).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        )

    def is_active(self, now: datetime) -> bool:
        """Whether the key is less than a year old."""
        return now < self.issued_at + KEY_LIFE

    def decrypt(self, signature: str) -> str | None:
        """Return the plain text of a header; None if it was not made with this key."""
        try:
            plain = _pair(self.pair_number).decrypt(base64.b64decode(signature, validate=True), PKCS1v15())
            return plain.decode()
        except (ValueError, binascii.Error):
            return None


class KeyRing:
    """The keys of one store account, at most two of them active."""

    def __init__(self, now: datetime, *, first_version: int = 3) -> None:
        self._keys = {first_version: StoreKey(first_version, now, 0)}

    @property
    def newest(self) -> StoreKey:
        """The key that the store should use."""
        return self._keys[max(self._keys)]

    def find(self, version: str) -> StoreKey | None:
        """Return the key of a version, active or not."""
        return self._keys.get(int(version)) if version.isdecimal() else None

    def issue(self, now: datetime) -> StoreKey:
        """Issue one more key; the oldest goes when there would be three."""
        key = StoreKey(max(self._keys) + 1, now, (self.newest.pair_number + 1) % MAX_ACTIVE_KEYS)
        self._keys[key.version] = key
        while len(self._keys) > MAX_ACTIVE_KEYS:
            del self._keys[min(self._keys)]
        return key

    def delete(self, version: int) -> None:
        """Delete a key, as staff do after the switch."""
        del self._keys[version]
