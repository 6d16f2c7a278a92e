"""Credentials and options of one storefront."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from connectors.storefront.files import ALLOWED_TYPES
from connectors.storefront.signature import MAX_SECRETS, new_secret, parse_secret
from gateway.sdk import ChannelSettings, Kind

# What the protocol promises at most; a channel may ask for less.
MAX_FILES = 5
MAX_FILE_BYTES = 10 * 1024 * 1024

_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.ASCII)

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[timedelta, Field(ge=timedelta(seconds=1))]


class StorefrontSettings(ChannelSettings):
    """One shop's own site. Only `secrets` is needed; every other default is ours and may be changed."""

    secrets: Annotated[tuple[SecretStr, ...], Field(min_length=1, max_length=MAX_SECRETS)] = Field(
        description="Signing secrets of the server intake (whsec_...), newest first; two while one is being replaced."
    )
    tolerance: timedelta = Field(
        default=timedelta(seconds=300), description="How old or early the timestamp of a signed request may be."
    )
    idempotency_period: Annotated[timedelta, Field(ge=timedelta(hours=72))] = Field(
        default=timedelta(hours=96), description="How long the answer to a webhook-id is kept for its repetitions."
    )
    pending_period: Seconds = Field(
        default=timedelta(seconds=60),
        description="How long an unfinished request blocks its repetition; after a crash the sender gets in again.",
    )
    thread_memory: timedelta = Field(
        default=timedelta(days=400), description="How long an external_id is known to be taken."
    )
    intake_rate_per_minute: Positive = Field(default=600, description="Signed requests per minute.")
    requires_email: bool = Field(
        default=False,
        description="Whether the server intake must name an e-mail address: on if the shop can reach nobody without.",
    )
    category_kinds: dict[str, Kind] = Field(
        default={}, description="The shop's own category words and the kind of inquiry that each of them means."
    )

    public_base_url: str | None = Field(
        default=None, description="Where shops and browsers reach the gateway; upload addresses are relative without."
    )
    upload_period: Seconds = Field(default=timedelta(minutes=10), description="How long an upload address is open.")
    file_retention: timedelta = Field(
        default=timedelta(days=14), description="How long the bytes of received files wait to be fetched by the engine."
    )
    max_files: Annotated[int, Field(ge=0, le=MAX_FILES)] = Field(default=MAX_FILES, description="Files of one message.")
    max_file_bytes: Annotated[int, Field(gt=0, le=MAX_FILE_BYTES)] = Field(
        default=MAX_FILE_BYTES, description="Size of one received file in bytes."
    )
    file_types: tuple[str, ...] = Field(
        default=ALLOWED_TYPES, description="Media types of files that are taken, as sniffed from their bytes."
    )

    form_origins: tuple[str, ...] = Field(
        default=(),
        description="Sites that may show the form: scheme, host and port, exactly; without one there is no form.",
    )
    form_honeypot: str = Field(default="website", description="Name of the field that people do not see.")
    form_min_age: timedelta = Field(
        default=timedelta(seconds=3), description="A form that was filled faster was not filled by a person."
    )
    form_max_age: timedelta = Field(default=timedelta(hours=2), description="How long an opened form can be sent.")
    form_categories: tuple[str, ...] = Field(
        default=("product", "order_change", "delivery", "return_refund", "repair", "payment", "site", "other"),
        description="Categories that the form offers.",
    )
    form_spam_limit: Positive = Field(default=3, description="Score from which a submission is set aside for a look.")
    form_max_links: int = Field(default=2, description="Links that raise no suspicion.")
    submissions_per_ip: Positive = Field(default=5, description="Submissions of one IP address in ten minutes.")
    submissions_per_ip_and_day: Positive = Field(default=20, description="Submissions of one IP address in a day.")
    submissions_per_email: Positive = Field(default=3, description="Submissions of one e-mail address in ten minutes.")
    submissions_per_minute: Positive = Field(default=60, description="Submissions of the form in a minute.")
    config_reads_per_ip: Positive = Field(default=300, description="Openings of the form by one IP in ten minutes.")

    bot_check: Literal["none", "turnstile"] = Field(
        default="none", description="Which service tells people from programs."
    )
    bot_check_site_key: str = Field(default="", description="Public key of the bot check, shown to browsers.")
    bot_check_secret: SecretStr | None = Field(default=None, description="Our key at the bot check.")
    bot_check_url: str = Field(
        default="https://challenges.cloudflare.com/turnstile/v0/siteverify",
        description="Where answers of the bot check are verified.",
    )
    bot_check_hostnames: tuple[str, ...] = Field(
        default=(), description="Host names that an answer may come from; those of form_origins if empty."
    )
    bot_check_action: str = Field(default="inquiry", description="Action name that an answer must carry.")
    bot_check_timeout: Seconds = Field(default=timedelta(seconds=5), description="How long the bot check may take.")
    bot_check_sends_ip: bool = Field(default=True, description="Whether the bot check learns the browser's IP address.")
    when_bot_check_is_down: Literal["fail_closed", "quarantine"] = Field(
        default="fail_closed", description="Refuse submissions while the bot check is down, or set them aside."
    )

    callback_url: str | None = Field(
        default=None, description="The shop's address for our replies; without one there is no way to reply."
    )
    callback_secrets: Annotated[tuple[SecretStr, ...], Field(max_length=MAX_SECRETS)] = Field(
        default=(), description="Secrets that our replies are signed with, newest first; those of the intake if empty."
    )
    callback_ports: tuple[int, ...] = Field(default=(443,), description="Ports that callback_url may name.")
    callback_timeout: Seconds = Field(
        default=timedelta(seconds=20), description="How long the shop may take to answer."
    )
    callback_author: str = Field(
        default="カスタマーサポート", description="Shown as the author of a reply without one."
    )
    max_reply_chars: Positive = Field(default=10_000, description="Length of a reply in code points.")
    max_reply_files: Annotated[int, Field(ge=0)] = Field(default=5, description="Files of one reply.")
    max_reply_file_bytes: Positive = Field(
        default=2 * 1024 * 1024, description="Size of one file of a reply in bytes, before base64."
    )

    @field_validator("secrets", "callback_secrets")
    @classmethod
    def _secrets_are_keys(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            parse_secret(secret.get_secret_value())
        return secrets

    @field_validator("form_origins")
    @classmethod
    def _origins_are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin) or origin != origin.lower():
                raise ValueError(f"{origin!r} is not scheme://host[:port] in lower case, without a path")
        return origins

    @field_validator("callback_url", "public_base_url", "bot_check_url")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an http(s) address")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("an address may carry neither user information nor a fragment")
        return url

    @property
    def keys(self) -> list[bytes]:
        """The keys of the server intake."""
        return [parse_secret(secret.get_secret_value()) for secret in self.secrets]

    @property
    def callback_keys(self) -> list[bytes]:
        """The keys that replies are signed with."""
        return [parse_secret(secret.get_secret_value()) for secret in self.callback_secrets or self.secrets]

    @classmethod
    def decoy(cls) -> Self:
        """Return settings whose secret nobody has and whose form no site may show."""
        return cls(secrets=(SecretStr(new_secret()),))
