"""Small files of each kind, and replies that break one rule each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.sdk.capabilities import ReplyLimits
from gateway.sdk.reply import OutboundFile


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", b"\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00")
    + _chunk(b"IDAT", zlib.compress(b"\x00\x80"))
    + _chunk(b"IEND", b"")
)

# Only PNG is a whole picture; the others have what a sniffer looks at.
SAMPLES = {
    "image/png": ("photo.png", PNG),
    "image/jpeg": ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"),
    "image/gif": ("photo.gif", b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff;"),
    "image/webp": ("photo.webp", b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00"),
    "application/pdf": ("guide.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"),
    "text/plain": ("note.txt", "ご案内\n".encode()),
}
FORBIDDEN_TYPE = "application/x-msdownload"


def sample_file(limits: ReplyLimits, *, size: int | None = None, name: str | None = None) -> OutboundFile:
    """Return a file that the limits allow; `size` pads it, `name` renames it."""
    kinds = [kind for kind in (limits.attachment_types or SAMPLES) if kind in SAMPLES]
    if not kinds:
        raise LookupError(f"the kit has no sample of {', '.join(limits.attachment_types)}; override `sample_file`")
    known_name, content = SAMPLES[kinds[0]]
    content = content.ljust(size, b"\x00") if size else content
    return OutboundFile(name=name or known_name, content_type=kinds[0], size=len(content), content=content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A text and files that break the rule `code`."""

    code: str
    text: str = "ご連絡ありがとうございます。"
    files: tuple[OutboundFile, ...] = ()


def breaches(limits: ReplyLimits) -> Iterator[Breach]:
    """Yield one breach of every rule that `limits` declares."""
    yield Breach(code="text_empty", text=" \n")
    yield Breach(code="text_too_long", text=longest_text(limits) + "x")
    if limits.max_line_chars is not None:
        yield Breach(code="line_too_long", text="x" * (limits.max_line_chars + 1))
    if limits.link_hosts is not None:
        yield Breach(code="link_not_allowed", text="https://elsewhere.invalid/page")
    if limits.requires_https_links:
        host = (limits.link_hosts or ("shop.invalid",))[0]
        yield Breach(code="link_not_https", text=f"http://{host}/page")
    one = sample_file(limits)
    yield Breach(code="too_many_files", files=(one,) * (limits.max_attachments + 1))
    if limits.max_attachments:
        yield Breach(code="file_empty", files=(OutboundFile(name=one.name, content_type=one.content_type, size=0),))
        if limits.max_attachment_bytes is not None:
            yield Breach(code="file_too_large", files=(sample_file(limits, size=limits.max_attachment_bytes + 1),))
        if limits.attachment_types:
            program = OutboundFile(name="tool.exe", content_type=FORBIDDEN_TYPE, size=2, content=b"MZ")
            yield Breach(code="file_type_not_allowed", files=(program,))
        if limits.max_attachment_name_chars is not None:
            name = one.name.rjust(limits.max_attachment_name_chars + 1, "a")
            yield Breach(code="file_name_too_long", files=(sample_file(limits, name=name),))
        for character in limits.forbidden_attachment_name_chars:
            name = f"a{character}{one.name}"
            yield Breach(code="file_name_character", files=(sample_file(limits, name=name),))


def longest_text(limits: ReplyLimits) -> str:
    """Return a text that is exactly as long as the limits allow, in lines that are as long as they allow."""
    width = (limits.max_line_chars or limits.max_chars) + 1
    letters = ["\n" if (at + 1) % width == 0 else "あ" for at in range(limits.max_chars)]
    # A line break at the very end would be trimmed by many malls, and the text would come back shorter.
    letters[-1] = "末" if letters[-1] == "あ" else "\n"
    return "".join(letters)
