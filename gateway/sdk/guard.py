"""Calls to addresses that users supply: checked, pinned, short.

A name is resolved once; every one of its addresses must be public, and the connection goes to an address that was
checked, with the name kept for TLS and for the `Host` header. So a name that changes its address between the check and
the call reaches nothing. Redirects are the caller's affair (`MallClient` follows none).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import httpx

from gateway.sdk.errors import AuthenticationError
from gateway.sdk.trust import trusted_authorities

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port to IP addresses, in the order in which they should be tried."""

MAX_ANSWER_BYTES = 64 * 1024
# More addresses than this are not tried: a name with many dead addresses would use up the deadline.
MAX_TRIED_ADDRESSES = 3

# What `ipaddress` calls global and yet leads inside: embedded IPv4, old private ranges, cloud metadata.
# Sources: IANA special-purpose registries; the metadata addresses of the large clouds, read 2026-11-21.
_REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments, one cloud's metadata among them
        "168.63.129.16/32",  # one cloud's host agent
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local use
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "fec0::/10",  # site-local
    )
)


def is_public_address(text: str) -> bool:
    """Whether `text` is an IP address that belongs to the open Internet."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address.version == network.version and address in network for network in _REFUSED_NETWORKS)


async def resolve_name(host: str, port: int) -> list[str]:
    """Ask the system's resolver once; literal addresses answer themselves.

    Raises:
        OSError: the name does not exist or the resolver does not answer.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport for one call at a time to an address that somebody else chose.

    Args:
        inner: what makes the connection; a transport without connection reuse and without proxies by default.
        ports: the ports that may be called.
        allows_private_addresses: for simulators: every scheme, port and address is allowed.
        max_answer_bytes: how much of an answer's body is read; the rest is left on the line.
        deadline: seconds for the whole exchange, so that a slow trickle ends too.
        resolve: looks names up.
    Raises:
        AuthenticationError: the address is refused (code `address_refused`); nothing was sent, and only a person can
            give a better one.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport | None = None,
        *,
        ports: Sequence[int] = (443,),
        allows_private_addresses: bool = False,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        deadline: float = 20.0,
        resolve: Resolve = resolve_name,
    ) -> None:
        # A kept connection would be found again by its address alone, whatever name it was opened for.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = inner or httpx.AsyncHTTPTransport(
            limits=limits, trust_env=False, verify=trusted_authorities(trust_env=False)
        )
        self._ports = frozenset(ports)
        self._allows_private_addresses = allows_private_addresses
        self._max_answer_bytes = max_answer_bytes
        self._deadline = deadline
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._read(await self._exchange(request), request)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {self._deadline:g} seconds", request=request) from error

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        if self._allows_private_addresses:
            return await self._inner.handle_async_request(request)
        addresses = await self._checked_addresses(request)
        for address in addresses[:-1]:
            # Nothing was sent yet on a connection that did not come about, so the next address may be tried.
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._inner.handle_async_request(_pinned(request, address))
        return await self._inner.handle_async_request(_pinned(request, addresses[-1]))

    async def _checked_addresses(self, request: httpx.Request) -> Sequence[str]:
        url = request.url
        if url.scheme != "https":
            raise _refusal(f"{url.scheme} is not https")
        if url.userinfo:
            raise _refusal("it carries user information")
        port = url.port or 443
        if port not in self._ports:
            raise _refusal(f"port {port} is not allowed")
        try:
            addresses = await self._resolve(url.host, port)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{url.host} cannot be resolved", request=request) from error
        if not addresses:
            raise httpx.ConnectError(f"{url.host} has no address", request=request)
        if not all(is_public_address(address) for address in addresses):
            raise _refusal(f"{url.host} leads into a network that is not public")
        return addresses[:MAX_TRIED_ADDRESSES]

    async def _read(self, response: httpx.Response, request: httpx.Request) -> httpx.Response:
        body = bytearray()
        # The stream itself: a response made in this process counts as read before anybody has read it.
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            async for chunk in stream:
                body += chunk
                if len(body) >= self._max_answer_bytes:
                    break
        finally:
            await response.aclose()
        # The body stays as it came: decoding a compressed one could make a small answer large.
        dropped = {"content-encoding", "content-length", "transfer-encoding"}
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in dropped]
        return httpx.Response(
            response.status_code, headers=headers, content=bytes(body[: self._max_answer_bytes]), request=request
        )


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """Return `request` aimed at `address`; certificate and `Host` still speak of the name."""
    headers = request.headers.copy()
    headers["host"] = request.url.netloc.decode("ascii")
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
    )


def _refusal(reason: str) -> AuthenticationError:
    return AuthenticationError(f"the configured address is refused: {reason}", code="address_refused")
