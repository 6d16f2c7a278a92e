"""Calls to addresses that users supply."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.sdk import AuthenticationError
from gateway.sdk.guard import GuardedTransport, Resolve, is_public_address, resolve_name

PUBLIC = "93.184.216.34"
PUBLIC_TOO = "2606:2800:220:1:248:1893:25c8:1946"


class Recorder(httpx.AsyncBaseTransport):
    """Keeps what would have gone out, and refuses connections to some addresses."""

    def __init__(self, dead: Sequence[str] = (), body: bytes = b"ok") -> None:
        self.requests: list[httpx.Request] = []
        self._dead = dead
        self._body = body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self._dead:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, content=self._body)


def resolving(*answers: Sequence[str]) -> Resolve:
    """A resolver that gives one answer after the other."""
    waiting = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return waiting.pop(0)

    return resolve


def client_for(transport: GuardedTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", [PUBLIC, PUBLIC_TOO, "::ffff:93.184.216.34"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.jp/",
        "https://user:pw@shop.example.jp/",
        "https://shop.example.jp:8443/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://169.254.169.254/latest/meta-data/",
    ],
)
async def test_a_bad_address_is_refused_before_anything_is_sent(url: str) -> None:
    inner = Recorder()
    literal = httpx.URL(url).host
    resolve = resolving([PUBLIC]) if literal.endswith(".jp") else resolve_name

    async with client_for(GuardedTransport(inner, resolve=resolve)) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.post(url)

    assert caught.value.code == "address_refused"
    assert inner.requests == []


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    inner = Recorder()

    async with client_for(GuardedTransport(inner, resolve=resolving([PUBLIC, "10.0.0.1"]))) as client:
        with pytest.raises(AuthenticationError):
            await client.post("https://shop.example.jp/")

    assert inner.requests == []


async def test_the_call_goes_to_the_checked_address_under_the_name() -> None:
    inner = Recorder()

    async with client_for(GuardedTransport(inner, resolve=resolving([PUBLIC_TOO]), ports=(443, 8443))) as client:
        await client.post("https://shop.example.jp:8443/callback?a=1", content=b"text")

    sent = inner.requests[0]
    assert sent.url == httpx.URL(f"https://[{PUBLIC_TOO}]:8443/callback?a=1")
    assert sent.headers["host"] == "shop.example.jp:8443"
    assert sent.extensions["sni_hostname"] == "shop.example.jp"
    assert await sent.aread() == b"text"


async def test_a_name_that_changes_its_address_is_resolved_once_per_call_and_then_refused() -> None:
    inner = Recorder()

    async with client_for(GuardedTransport(inner, resolve=resolving([PUBLIC], ["127.0.0.1"]))) as client:
        await client.post("https://shop.example.jp/")
        with pytest.raises(AuthenticationError):
            await client.post("https://shop.example.jp/")

    assert [request.url.host for request in inner.requests] == [PUBLIC]


async def test_the_next_address_is_tried_when_one_refuses_the_connection() -> None:
    inner = Recorder(dead=[PUBLIC])

    async with client_for(GuardedTransport(inner, resolve=resolving([PUBLIC, PUBLIC_TOO]))) as client:
        response = await client.post("https://shop.example.jp/", content=b"text")

    assert response.status_code == 200
    assert [request.url.host for request in inner.requests] == [PUBLIC, PUBLIC_TOO]


async def test_a_name_that_cannot_be_resolved_is_a_failed_connection() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    async with client_for(GuardedTransport(Recorder(), resolve=unknown)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post("https://shop.example.jp/")


async def test_a_long_answer_is_cut() -> None:
    inner = Recorder(body=b"x" * 100_000)

    async with client_for(GuardedTransport(inner, resolve=resolving([PUBLIC]))) as client:
        response = await client.post("https://shop.example.jp/")

    assert response.content == b"x" * 64 * 1024


async def test_a_compressed_answer_is_not_unpacked() -> None:
    class Packed(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(
                200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b not really")
            )

    async with client_for(GuardedTransport(Packed(), resolve=resolving([PUBLIC]))) as client:
        response = await client.post("https://shop.example.jp/")

    assert response.content == b"\x1f\x8b not really"


async def test_an_answer_that_trickles_ends_at_the_deadline() -> None:
    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"."
            await asyncio.Event().wait()

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Trickle())

    async with client_for(GuardedTransport(Slow(), resolve=resolving([PUBLIC]), deadline=0.01)) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("https://shop.example.jp/")


async def test_simulators_may_live_anywhere() -> None:
    inner = Recorder()

    async with client_for(GuardedTransport(inner, allows_private_addresses=True)) as client:
        response = await client.post("http://127.0.0.1:8080/callback")

    assert response.status_code == 200
    assert inner.requests[0].url.host == "127.0.0.1"


@pytest.mark.parametrize(("name", "is_trusted"), [("shop.example.jp", True), ("other.example.jp", False)])
async def test_the_certificate_must_be_that_of_the_name(tmp_path: Path, name: str, is_trusted: bool) -> None:
    certificate, key = _certificate(tmp_path, "shop.example.jp")
    context = ssl.create_default_context(cafile=str(certificate))

    async with _tls_server(certificate, key) as port:
        inner = _Detour(httpx.AsyncHTTPTransport(verify=context), port)
        async with client_for(GuardedTransport(inner, resolve=resolving([PUBLIC]))) as client:
            if is_trusted:
                response = await client.get(f"https://{name}/")
                assert response.text == name
            else:
                with pytest.raises(httpx.ConnectError, match="certificate"):
                    await client.get(f"https://{name}/")


class _Detour(httpx.AsyncBaseTransport):
    """Stands for the Internet: the public address leads to a server on this machine."""

    def __init__(self, inner: httpx.AsyncHTTPTransport, port: int) -> None:
        self._inner = inner
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == PUBLIC
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextlib.asynccontextmanager
async def _tls_server(certificate: Path, key: Path) -> AsyncIterator[int]:
    """Serve an answer that repeats the name it was called by, and yield the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = next(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: "))
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(host)}\r\nconnection: close\r\n\r\n{host}".encode())
        await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "cert.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_path, key_path
