"""Rules of a reply that only this mall has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from connectors.rakuten.capabilities import CAPABILITIES
from gateway.sdk import OutboundReply, Text, Violation

EXTENSIONS = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "application/pdf": (".pdf",),
}


def check_details(reply: OutboundReply) -> Iterator[Violation]:
    """Yield what `ReplyLimits` cannot say: names need the extension of their kind, and emoji may count twice."""
    yield from _check_units(reply.text)
    for index, file in enumerate(reply.files):
        allowed = EXTENSIONS.get(file.content_type, ())
        if allowed and PurePosixPath(file.name).suffix.lower() not in allowed:
            yield Violation(
                code="file_name_extension",
                pointer=f"/files/{index}/name",
                fix=f"{file.name}{allowed[0]}",
                message=Text(
                    ja=f"ファイル名 {file.name} の拡張子は {' か '.join(allowed)} にしてください。",
                    en=f"The name {file.name} must end in {' or '.join(allowed)}.",
                ),
            )


def _check_units(text: str) -> Iterator[Violation]:
    limits = CAPABILITIES.reply
    units = sum(2 if ord(character) > 0xFFFF else 1 for character in text)
    # The mall's documents do not say how it counts; Java, which it probably runs on, counts such characters twice.
    if limits and len(text) <= limits.max_chars < units:
        yield Violation(
            code="text_may_be_too_long",
            pointer="/text",
            is_warning=True,
            message=Text(
                ja=f"絵文字などを2文字と数えると{units}文字になり、楽天に断られることがあります。",
                en=f"If Rakuten counts emoji as two, the text has {units} characters and may be refused.",
            ),
        )
