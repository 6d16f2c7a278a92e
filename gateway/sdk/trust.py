"""Whom TLS connections trust."""

import ssl
from functools import cache

import httpx


@cache
def trusted_authorities(*, trust_env: bool) -> ssl.SSLContext:
    """Return the certificates to check servers by, for all clients of the process.

    Reading them takes longer than a call to a mall. `trust_env` lets `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    """
    return httpx.create_ssl_context(trust_env=trust_env)
