"""The public-key header, which the mall calls a signature.

It is an RSA encryption (PKCS#1 v1.5) of `sellerId:UNIX seconds` with the store's public key; the padding is
random and the time moves on, so every request gets its own.
"""

from __future__ import annotations

import base64
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.yahoo_shopping.settings import YahooShoppingSettings

STATUS_HEADER = "X-SWS-Authorize-Status"
ACCEPTED = "authorized"


class Signature:
    """Makes the headers of one store account."""

    def __init__(self, settings: YahooShoppingSettings) -> None:
        key = load_pem_public_key(settings.public_key.get_secret_value().encode())
        if not isinstance(key, RSAPublicKey):
            raise TypeError("the settings accept RSA keys only")
        self._key = key
        self._seller_id = settings.seller_id
        self._version = settings.public_key_version

    def headers(self, now: datetime) -> dict[str, str]:
        """Return the two headers of a request that starts `now`."""
        plain = f"{self._seller_id}:{int(now.timestamp())}".encode()
        return {
            "X-sws-signature": base64.b64encode(self._key.encrypt(plain, PKCS1v15())).decode(),
            "X-sws-signature-version": str(self._version),
        }
