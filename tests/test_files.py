"""Files are stored once under their hash, and are what their bytes say: in a folder, and in an S3-compatible store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from gateway.files import UNKNOWN_TYPE, FileStore, sniff

PNG = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000010000000108060000001f15c489")
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00;"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + b"\xff\xd9"


@pytest.fixture
def s3_options(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """The options of a real HTTP server that speaks S3, with a bucket `files`."""
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    options = {"endpoint_url": f"http://{host}:{port}", "client_kwargs": {"region_name": "ap-northeast-1"}}
    s3fs.S3FileSystem(**options, skip_instance_cache=True).mkdir("files")
    yield options
    server.stop()


async def _round_trip(store: FileStore) -> None:
    first = await store.put(PNG)
    second = await store.put(PNG)

    assert first == second
    assert (first.content_type, first.size) == ("image/png", len(PNG))
    assert await store.get(first.key) == PNG
    with pytest.raises(FileNotFoundError):
        await store.get("00/nothing")


async def test_a_folder_gives_back_what_was_put_and_keeps_it_once(tmp_path: Path) -> None:
    await _round_trip(FileStore(str(tmp_path / "files")))

    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1


async def test_an_s3_compatible_store_gives_back_what_was_put(s3_options: dict[str, object]) -> None:
    await _round_trip(FileStore("s3://files/attachments", s3_options))


async def test_a_half_written_file_is_written_again(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    stored = await store.put(PNG)
    (tmp_path / stored.key).write_bytes(PNG[:4])

    await store.put(PNG)

    assert await store.get(stored.key) == PNG


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (PDF, "application/pdf"),
        ("商品の写真です。\n".encode(), "text/plain"),
        (b"", UNKNOWN_TYPE),
        (b"\x00\x01\x02\x03 not known", UNKNOWN_TYPE),
        ("文字化け".encode("shift_jis"), UNKNOWN_TYPE),
    ],
)
def test_the_bytes_tell_the_type_whatever_the_name_says(content: bytes, expected: str) -> None:
    assert sniff(content) == expected


def test_a_program_that_calls_itself_a_picture_is_no_picture() -> None:
    assert not sniff(b"MZ\x90\x00" + bytes(200)).startswith("image/")


@given(st.binary(max_size=4096))
def test_any_bytes_have_some_type(content: bytes) -> None:
    assert "/" in sniff(content)
