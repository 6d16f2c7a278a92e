"""The rules of a reply, checked with the same code when it is written and when it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from gateway.sdk.capabilities import ReplyLimits
from gateway.sdk.reply import OutboundFile, OutboundReply
from gateway.sdk.text import Text

# A link is what a mall would make clickable: it ends at white space, quotes, brackets and full-width punctuation.
_LINK = re.compile(r"https?://[^\s<>\"'「」『』（）()、。，]+", re.IGNORECASE)
# The last stop-like character of a sentence does not belong to its link.
_LINK_TAIL = ".,;:!?"


class Violation(BaseModel):
    """A place of the reply that breaks a rule.

    `pointer` is a JSON Pointer into the reply (`/text`, `/files/0`); `start` and `end` are offsets
    in code points into the text. `fix` is a whole replacement for that span, None when only a
    person can mend it. A warning does not stop the reply.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    pointer: str
    message: Text
    start: int | None = None
    end: int | None = None
    fix: str | None = None
    is_warning: bool = False


def check_reply(limits: ReplyLimits, reply: OutboundReply) -> list[Violation]:
    """Return every rule of `limits` that `reply` breaks, in the order of the text, then the files."""
    return [*_check_text(limits, reply.text), *_check_files(limits, reply.files)]


def _check_text(limits: ReplyLimits, text: str) -> Iterator[Violation]:
    if not text.strip():
        yield Violation(
            code="text_empty",
            pointer="/text",
            start=0,
            end=len(text),
            message=Text(ja="本文が空です。", en="The text is empty."),
        )
    for match in re.finditer(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text):
        yield Violation(
            code="control_character",
            pointer="/text",
            start=match.start(),
            end=match.end(),
            fix="",
            message=Text(
                ja=f"{match.start() + 1}文字目に制御文字があります。",
                en=f"Character {match.start() + 1} is a control character.",
            ),
        )
    if len(text) > limits.max_chars:
        yield Violation(
            code="text_too_long",
            pointer="/text",
            start=limits.max_chars,
            end=len(text),
            message=Text(
                ja=f"本文は{limits.max_chars}文字までです(現在{len(text)}文字)。",
                en=f"The text may have {limits.max_chars} characters and has {len(text)}.",
            ),
        )
    if limits.max_line_chars:
        yield from _check_lines(limits.max_line_chars, text)
    yield from _check_links(limits, text)


def _check_lines(max_line_chars: int, text: str) -> Iterator[Violation]:
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        length = len(line.rstrip("\r"))
        if length > max_line_chars:
            parts = [line[at : at + max_line_chars] for at in range(0, length, max_line_chars)]
            yield Violation(
                code="line_too_long",
                pointer="/text",
                start=start + max_line_chars,
                end=start + length,
                # The fix replaces the offending span, so it starts with the line break that was missing.
                fix="\n" + "\n".join(parts[1:]),
                message=Text(
                    ja=f"{number}行目は{max_line_chars}文字までです(現在{length}文字)。",
                    en=f"Line {number} may have {max_line_chars} characters and has {length}.",
                ),
            )
        start += len(line) + 1


def _check_links(limits: ReplyLimits, text: str) -> Iterator[Violation]:
    for match in _LINK.finditer(text):
        link = match.group().rstrip(_LINK_TAIL)
        end = match.start() + len(link)
        try:
            host = (urlsplit(link).hostname or "").lower().rstrip(".")
        except ValueError:
            host = ""
        if limits.link_hosts is not None and not any(
            host == allowed or host.endswith("." + allowed) for allowed in limits.link_hosts
        ):
            yield Violation(
                code="link_not_allowed",
                pointer="/text",
                start=match.start(),
                end=end,
                fix="",
                message=Text(
                    ja=f"リンク先 {host} はこのモールでは使えません。",
                    en=f"This mall does not allow links to {host}.",
                ),
            )
        elif limits.requires_https_links and not link.lower().startswith("https://"):
            yield Violation(
                code="link_not_https",
                pointer="/text",
                start=match.start(),
                end=end,
                fix="https://" + link.split("://", 1)[1],
                message=Text(ja="リンクは https だけが使えます。", en="Links must be https."),
            )


def _check_files(limits: ReplyLimits, files: tuple[OutboundFile, ...]) -> Iterator[Violation]:
    for index, file in enumerate(files):
        at = f"/files/{index}"
        if index >= limits.max_attachments:
            yield Violation(
                code="too_many_files",
                pointer=at,
                message=Text(
                    ja=f"添付できるファイルは{limits.max_attachments}件までです({file.name})。",
                    en=f"A reply may carry {limits.max_attachments} files; {file.name} is one too many.",
                ),
            )
        if file.size == 0:
            yield Violation(
                code="file_empty",
                pointer=at,
                message=Text(ja=f"{file.name} は空です。", en=f"{file.name} is empty."),
            )
        if limits.max_attachment_bytes is not None and file.size > limits.max_attachment_bytes:
            yield Violation(
                code="file_too_large",
                pointer=at,
                message=Text(
                    ja=f"{file.name} は{limits.max_attachment_bytes:,}バイトまでです(現在{file.size:,}バイト)。",
                    en=f"{file.name} may have {limits.max_attachment_bytes:,} bytes and has {file.size:,}.",
                ),
            )
        if limits.attachment_types and file.content_type not in limits.attachment_types:
            allowed = ", ".join(limits.attachment_types)
            yield Violation(
                code="file_type_not_allowed",
                pointer=at,
                message=Text(
                    ja=f"{file.name} の種類 {file.content_type} は送れません(可: {allowed})。",
                    en=f"{file.name} is {file.content_type}; this mall takes {allowed}.",
                ),
            )
        yield from _check_file_name(limits, file, at)


def _check_file_name(limits: ReplyLimits, file: OutboundFile, at: str) -> Iterator[Violation]:
    if limits.max_attachment_name_chars is not None and not 0 < len(file.name) <= limits.max_attachment_name_chars:
        yield Violation(
            code="file_name_too_long",
            pointer=f"{at}/name",
            message=Text(
                ja=f"ファイル名は1〜{limits.max_attachment_name_chars}文字です。",
                en=f"A file name has 1 to {limits.max_attachment_name_chars} characters.",
            ),
        )
    forbidden = sorted(set(file.name) & set(limits.forbidden_attachment_name_chars))
    if forbidden:
        yield Violation(
            code="file_name_character",
            pointer=f"{at}/name",
            fix="".join("_" if c in forbidden else c for c in file.name),
            message=Text(
                ja=f"ファイル名に使えない文字があります: {' '.join(forbidden)}",
                en=f"The file name has characters that this mall cannot handle: {' '.join(forbidden)}",
            ),
        )
