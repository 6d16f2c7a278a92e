"""One text, one fingerprint, whatever a mall does to its white space and widths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk import fingerprint, normal_form


@pytest.mark.parametrize(
    "shown",
    [
        "お世話になっております。\n明日 10:00 に発送します。",
        "お世話になっております。\r\n明日 10:00 に発送します。",
        "お世話になっております。  \r明日 10:00 に発送します。\u3000",
        "\n\nお世話になっております。\n明日 10:00 に発送します。\n\n",
        "お世話になっております。\n明日\u300010:00 に発送します。",
        "お世話になっております。\n明日 １０：００ に発送します。",
    ],
)
def test_a_reformatted_text_keeps_its_fingerprint(shown: str) -> None:
    sent = "お世話になっております。\n明日 10:00 に発送します。"

    assert fingerprint(shown) == fingerprint(sent)


@pytest.mark.parametrize("other", ["明日発送します", "明日\n発送します。", "", "明日 発送します。"])
def test_another_text_has_another_fingerprint(other: str) -> None:
    assert fingerprint(other) != fingerprint("明日発送します。")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    once = normal_form(text)

    assert normal_form(once) == once
    assert fingerprint(once) == fingerprint(text)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))), st.sampled_from(["\n", "\r\n", "\r"]))
def test_line_ends_do_not_matter(lines: list[str], line_end: str) -> None:
    assert fingerprint(line_end.join(lines)) == fingerprint("\n".join(lines))


@given(st.text(), st.text(" \t", max_size=3), st.text(" \t\n", max_size=3))
def test_white_space_around_a_text_does_not_matter(text: str, before: str, after: str) -> None:
    assert normal_form("\n" + before + text + after) == normal_form(text)
