"""The rules of a reply: found at the right place, and gone when the offered fix is taken."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk import OutboundFile, OutboundReply, ReplyLimits, Thread, Violation, check_reply

LIMITS = ReplyLimits(
    max_chars=100,
    max_line_chars=40,
    link_hosts=("mall.example", "help.example"),
    requires_https_links=True,
    max_attachments=1,
    max_attachment_bytes=10,
    max_attachment_name_chars=12,
    forbidden_attachment_name_chars="[]",
    attachment_types=("image/png",),
)
WIDE = ReplyLimits(max_chars=10_000)


def reply(text: str, *files: OutboundFile) -> OutboundReply:
    return OutboundReply(
        reply_id="rpl_1",
        case_id="case_1",
        thread=Thread(external_id="t-1"),
        text=text,
        created_at=datetime(2026, 11, 18, tzinfo=UTC),
        files=files,
    )


def photo(name: str = "photo.png", *, content_type: str = "image/png", size: int = 5) -> OutboundFile:
    return OutboundFile(name=name, content_type=content_type, size=size)


def codes(limits: ReplyLimits, text: str, *files: OutboundFile) -> list[str]:
    return [violation.code for violation in check_reply(limits, reply(text, *files))]


def fixed(text: str, violation: Violation) -> str:
    assert violation.start is not None
    assert violation.end is not None
    assert violation.fix is not None
    return text[: violation.start] + violation.fix + text[violation.end :]


def test_a_reply_within_every_limit_breaks_no_rule() -> None:
    text = "ありがとうございます。\nhttps://mall.example/a\nhttps://www.help.example."

    assert codes(LIMITS, text, photo()) == []


@pytest.mark.parametrize("text", ["", " ", "\n\u3000\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    assert codes(WIDE, text) == ["text_empty"]


def test_characters_are_code_points() -> None:
    limits = ReplyLimits(max_chars=3)

    assert codes(limits, "😀😀😀") == []
    (violation,) = check_reply(limits, reply("😀😀😀あい"))
    assert (violation.code, violation.start, violation.end, violation.fix) == ("text_too_long", 3, 5, None)
    assert "3" in violation.message.ja
    assert "5" in violation.message.en


def test_a_long_line_is_pointed_at_and_its_fix_breaks_it() -> None:
    text = "短い行\n" + "あ" * 85 + "\n終わり"

    (violation,) = check_reply(LIMITS, reply(text))

    assert (violation.code, violation.start, violation.end) == ("line_too_long", 4 + 40, 4 + 85)
    assert fixed(text, violation) == "短い行\n" + "\n".join(["あ" * 40, "あ" * 40, "あ" * 5]) + "\n終わり"
    assert "2行目" in violation.message.ja


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=90), max_size=5), st.integers(1, 30))
def test_the_fixes_of_long_lines_leave_no_long_line_and_lose_nothing(lines: list[str], width: int) -> None:
    limits = ReplyLimits(max_chars=10_000, max_line_chars=width)
    text = "\n".join(lines)

    mended = text
    for violation in reversed([v for v in check_reply(limits, reply(text)) if v.code == "line_too_long"]):
        mended = fixed(mended, violation)

    assert max(map(len, mended.split("\n"))) <= width
    assert mended.replace("\n", "") == text.replace("\n", "")


@given(st.lists(st.text("あ\r", max_size=30), min_size=1, max_size=4))
def test_a_carriage_return_at_the_end_of_a_line_is_not_counted(lines: list[str]) -> None:
    limits = ReplyLimits(max_chars=10_000, max_line_chars=10)

    found = [v for v in check_reply(limits, reply("\n".join(lines))) if v.code == "line_too_long"]

    assert len(found) == sum(len(line.rstrip("\r")) > 10 for line in lines)


@given(st.text(min_size=1))
def test_the_fixes_of_control_characters_leave_none(text: str) -> None:
    mended = text
    for violation in reversed([v for v in check_reply(WIDE, reply(text)) if v.code == "control_character"]):
        mended = fixed(mended, violation)

    assert "control_character" not in codes(WIDE, mended)
    mended.encode()
    assert [c for c in mended if ord(c) < 32 and c not in "\t\n\r"] == []


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/",
        "http://elsewhere.example",
        "HTTPS://ELSEWHERE.EXAMPLE/x",
        "https://mall.example.elsewhere.example/",
        "https://notmall.example/",
        "https://mall.example@elsewhere.example/",
        "https://[::1]/",
        "https://[broken/",
    ],
)
def test_a_link_to_another_host_is_refused(link: str) -> None:
    (violation,) = check_reply(
        LIMITS.model_copy(update={"max_line_chars": None}), reply(f"詳しくは「{link}」をご覧ください。")
    )

    assert violation.code == "link_not_allowed"
    assert violation.start == 5
    assert violation.fix == ""


@pytest.mark.parametrize("link", ["http://mall.example/a?b=c", "HTTP://www.mall.example/a?b=c"])
def test_a_link_without_https_is_refused_and_its_fix_is_allowed(link: str) -> None:
    text = f"{link}。"
    limits = LIMITS.model_copy(update={"max_line_chars": None})

    (violation,) = check_reply(limits, reply(text))

    assert violation.code == "link_not_https"
    mended = fixed(text, violation)
    assert mended == "https://" + text.partition("://")[2]
    assert codes(limits, mended) == []


@pytest.mark.parametrize("tail", [".", ",", "!", "?", ";", "。", "、", "）", "」", "<br>"])
def test_the_punctuation_behind_a_link_is_not_part_of_it(tail: str) -> None:
    text = f"http://mall.example{tail}"

    (violation,) = check_reply(LIMITS, reply(text))

    assert text[violation.start : violation.end] == "http://mall.example"


def test_no_link_is_refused_where_the_mall_states_no_such_rule() -> None:
    assert codes(WIDE, "http://anywhere.example") == []


@given(st.text())
def test_every_violation_points_into_the_text(text: str) -> None:
    for violation in check_reply(LIMITS, reply(text)):
        assert violation.start is not None
        assert violation.end is not None
        assert 0 <= violation.start <= violation.end <= len(text)
        assert violation.message.ja
        assert violation.message.en


@pytest.mark.parametrize(
    ("file", "code", "pointer"),
    [
        (photo(size=0), "file_empty", "/files/0"),
        (photo(size=11), "file_too_large", "/files/0"),
        (photo(content_type="image/gif"), "file_type_not_allowed", "/files/0"),
        (photo("a" * 9 + ".png"), "file_name_too_long", "/files/0/name"),
        (photo(""), "file_name_too_long", "/files/0/name"),
        (photo("a[1].png"), "file_name_character", "/files/0/name"),
    ],
)
def test_a_file_against_a_rule_is_refused_by_name(file: OutboundFile, code: str, pointer: str) -> None:
    (violation,) = check_reply(LIMITS, reply("写真です。", file))

    assert (violation.code, violation.pointer) == (code, pointer)


def test_the_files_beyond_the_limit_are_refused_each() -> None:
    violations = check_reply(LIMITS, reply("写真です。", photo(), photo("b.png"), photo("c.png")))

    assert [(v.code, v.pointer) for v in violations] == [("too_many_files", "/files/1"), ("too_many_files", "/files/2")]
    assert "b.png" in violations[0].message.en


def test_the_fix_of_a_file_name_is_allowed() -> None:
    (violation,) = check_reply(LIMITS, reply("写真です。", photo("a[1].png")))

    assert violation.fix == "a_1_.png"
    assert codes(LIMITS, "写真です。", photo(violation.fix)) == []
