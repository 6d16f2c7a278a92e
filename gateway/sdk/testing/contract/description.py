"""What a connector says of itself: key, name, settings, capabilities, README."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import SecretStr

from gateway.sdk.connector import Connector
from gateway.sdk.discovery import KEY_FORM
from gateway.sdk.reply import Mark
from gateway.sdk.testing.contract.base import ContractPart, needs
from gateway.sdk.testing.contract.rig import ADDRESS, BASE_URL, Rig
from gateway.sdk.testing.packages import package_folder, package_name

README_HEADINGS = ("Documents", "Authentication", "Limits", "Quirks", "Exemptions")
_SECRET_NAME = re.compile(r"password|passphrase|secret|token|(api|licen[cs]e|private|access)_key")


class DescriptionContract(ContractPart):
    """Operators and agents read these before anything works."""

    async def test_the_key_is_snake_case_and_the_name_of_the_package(self) -> None:
        key, package = self.connector.key, package_name(self.connector).rpartition(".")[2]

        assert KEY_FORM.fullmatch(key)
        assert package == key or package.endswith(f"_{key}")
        assert self.simulator_type().key == key

    async def test_the_name_is_there_in_both_languages(self) -> None:
        assert self.connector.name.ja.strip()
        assert self.connector.name.en.strip()

    async def test_every_setting_is_described(self) -> None:
        fields = self.connector.settings_type.model_fields

        undescribed = [name for name, field in fields.items() if not (field.description or "").strip()]

        assert undescribed == []

    async def test_settings_that_sound_secret_are_secret(self) -> None:
        fields = self.connector.settings_type.model_fields

        open_secrets = [
            name
            for name, field in fields.items()
            if _SECRET_NAME.search(name) and "str" in str(field.annotation) and not _is_secret(field.annotation)
        ]

        assert open_secrets == []

    async def test_the_simulators_settings_are_valid_and_show_no_secret(self, rig: Rig) -> None:
        settings_type = self.connector.settings_type
        text = json.dumps(rig.settings)

        settings = settings_type.model_validate_json(text)

        assert settings == settings_type.model_validate(rig.settings)
        assert [secret for secret in rig.secrets if secret in repr(settings)] == []
        assert BASE_URL in text or ADDRESS in text

    async def test_the_capabilities_fit_together(self) -> None:
        can = self.connector.capabilities

        assert can.can_pull or can.can_receive, "a connector that neither pulls nor receives learns nothing"
        assert can.can_reply or can.no_reply_reason is not None, "either limits of a reply, or why there is none"
        assert can.can_pull or can.lists_by is None, "only a list is sorted by something"
        assert can.can_read_thread or not can.proves_absence, "absence is proven by reading the thread"
        assert Mark.REOPENED not in can.marks or Mark.COMPLETED in can.marks, "only what was completed is reopened"
        assert bool(self.connector.webhook_paths) == can.can_receive
        assert all(path.startswith("/") and "{address}" in path for path in self.connector.webhook_paths)

    async def test_every_declared_ability_is_there(self) -> None:
        can = self.connector.capabilities
        abilities = {
            "fetch": can.can_pull,
            "receive": can.can_receive,
            "fetch_inquiry": can.can_read_thread,
            "download": can.can_download,
            "send": can.can_reply,
            "mark": bool(can.marks),
        }

        missing = [name for name, is_declared in abilities.items() if is_declared and not _overrides(self, name)]

        assert missing == []

    async def test_every_fact_has_a_source(self) -> None:
        sources = self.connector.capabilities.sources

        assert sources, "say where the limits stand"
        assert [source for source in sources if not (source.fact.strip() and source.reference.strip())] == []

    async def test_the_readme_tells_the_mall_in_one_page(self) -> None:
        text = (package_folder(self.connector) / "README.md").read_text(encoding="utf-8")
        headings = set(re.findall(r"^#+ +(.+?)\s*$", text, re.MULTILINE))

        assert [heading for heading in README_HEADINGS if heading not in headings] == []

    async def test_a_channel_test_names_the_account_and_the_end_of_its_credential(self, rig: Rig) -> None:
        access = await rig.connector.test()

        assert access.account.strip()
        if rig.connector.limits.credential_lifetime is not None:
            assert access.expires_at is not None
            assert access.expires_at > rig.clock.now()

    async def test_settings_of_no_real_channel_exist_for_unknown_addresses(self) -> None:
        needs(self.connector.capabilities.can_receive, "receives no webhooks")

        decoy = self.connector.settings_type.decoy()

        assert isinstance(decoy, self.connector.settings_type)


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_is_secret, getattr(annotation, "__args__", ())))


def _overrides(part: ContractPart, name: str) -> bool:
    return getattr(part.connector, name) is not getattr(Connector, name)
