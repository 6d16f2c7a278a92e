"""Standard Webhooks 1.0.0: making and checking signatures.

The `standardwebhooks` library signs. It is not used to check what arrives: it reads the process's clock, needs text
where bytes were signed, and breaks on an entry without a comma, which the specification tells to skip.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public mark in front of every secret
MIN_KEY_BYTES = 24
MAX_KEY_BYTES = 64
# A rotation needs two; more would only cost us time.
MAX_SECRETS = 2
MAX_SIGNATURES = 8

_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def new_secret() -> str:
    """Return a fresh secret in the form in which people copy it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def parse_secret(text: str) -> bytes:
    """Return the key of a secret, with or without its prefix.

    Raises:
        ValueError: it is not base64 of 24 to 64 bytes.
    """
    encoded = text.strip().removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(f"a secret has {MIN_KEY_BYTES} to {MAX_KEY_BYTES} random bytes and this one has {len(key)}")
    return key


def is_well_formed_id(text: str) -> bool:
    """Whether `text` may be the id of an event."""
    return _ID.fullmatch(text) is not None


def parse_timestamp(text: str) -> int | None:
    """Return the Unix seconds of a timestamp header, None if it is not a plain whole number."""
    return int(text) if _SECONDS.fullmatch(text) else None


def sign(keys: Sequence[bytes], event_id: str, at: datetime, body: str) -> str:
    """Return the signature header of `body`: one entry for each key, newest first."""
    return " ".join(Webhook(key).sign(event_id, at.astimezone(UTC), body) for key in keys)


def is_signed(keys: Sequence[bytes], *, event_id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    """Whether any known signature of the header is right for any key.

    Takes the same time for every answer: the same number of digests and comparisons, whichever fits.
    """
    padded = [*keys, *(secrets.token_bytes(32) for _ in range(MAX_SECRETS - len(keys)))]
    signed = b"%b.%b.%b" % (event_id.encode("ascii"), timestamp.encode("ascii"), body)
    expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in padded]
    claimed = _known_signatures(signatures)
    claimed += [b""] * (MAX_SIGNATURES - len(claimed))
    # A list, not a generator: every pair is compared.
    return any([hmac.compare_digest(digest, claim) for digest in expected for claim in claimed])  # noqa: C419


def _known_signatures(header: str) -> list[bytes]:
    known = []
    for entry in header.split(" ")[:MAX_SIGNATURES]:
        version, comma, encoded = entry.partition(",")
        if version != "v1" or not comma:
            continue
        try:
            known.append(base64.b64decode(encoded, validate=True))
        except (binascii.Error, ValueError):
            continue
    return known
