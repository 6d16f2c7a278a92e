"""Credentials are sealed; keys can be rotated; signing keys outlive a rotation."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vault import Vault, VaultError


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_what_was_sealed_opens_again(secret: dict[str, object]) -> None:
    vault = _vault()

    assert vault.open(vault.seal(secret)) == secret


def test_the_sealed_form_shows_nothing() -> None:
    assert b"hunter2" not in _vault().seal({"password": "hunter2"})


def test_after_a_rotation_the_old_key_still_opens_and_the_new_one_seals() -> None:
    sealed_before = Vault(["old"]).seal({"key": "1"})
    rotating = Vault(["new", "old"])

    assert rotating.open(sealed_before) == {"key": "1"}
    assert Vault(["new"]).open(rotating.seal({"key": "2"})) == {"key": "2"}


def test_a_key_that_does_not_fit_is_said_in_one_line_that_names_the_setting() -> None:
    sealed = Vault(["one"]).seal({})

    with pytest.raises(VaultError, match="GATEWAY_SECRET_KEYS"):
        Vault(["another"]).open(sealed)


def test_signing_keys_differ_by_purpose_and_outlive_a_rotation() -> None:
    before = Vault(["old"])
    after = Vault(["new", "old"])

    assert before.derive("cursor") != before.derive("form")
    assert before.derive("cursor") == after.derive("cursor")


@cache
def _vault() -> Vault:
    # Stretching a key takes its time on purpose; one vault serves all examples.
    return Vault(["a key"])
