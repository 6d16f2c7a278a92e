"""Listening sockets, taken before anything is started behind them."""

from __future__ import annotations

import errno
import socket

from gateway.config import ConfigError


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        ConfigError: the address is taken, or not ours.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
        # asyncio sets this only on sockets that name their protocol; without it each answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        reason = "is in use; stop the other program or choose another --port" if is_taken else error.strerror
        raise ConfigError(f"{host}:{port} {reason}") from error


def address_of(listener: socket.socket) -> str:
    """Return the address in the form that browsers take."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
