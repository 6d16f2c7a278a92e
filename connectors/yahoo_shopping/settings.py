"""Credentials and options of one store account."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AwareDatetime, Field, SecretStr, field_validator

from gateway.sdk import ChannelSettings

Address = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$")]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta())]
Duration = Annotated[timedelta, Field(ge=timedelta())]


class YahooShoppingSettings(ChannelSettings):
    """What a store enters once, and the facts that the mall does not state and that may need another value."""

    seller_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")] = Field(
        description="Store account (sellerId), such as hidamari-zakka."
    )
    client_id: Annotated[str, Field(min_length=1)] = Field(
        description="Client ID of the application that has the scope for store operations."
    )
    client_secret: SecretStr = Field(description="Secret of that application.")
    refresh_token: SecretStr = Field(description="Refresh token of the last authorisation by a person.")
    authorised_at: AwareDatetime = Field(
        description="When that person authorised; the 28 days until the next one count from here."
    )
    public_key: SecretStr = Field(
        description="Public key in PEM form from Store Creator Pro, settings, encryption key management (暗号鍵管理)."
    )
    public_key_version: Annotated[int, Field(ge=0)] = Field(description="Version number that belongs to the key.")
    public_key_issued_at: AwareDatetime | None = Field(
        default=None, description="When the key was issued; it lives one year, and with this date its end is announced."
    )

    api_base_url: Address = Field(
        default="https://circus.shopping.yahooapis.jp",
        description="API host; https://test.circus.shopping.yahooapis.jp is the test environment.",
    )
    auth_base_url: Address = Field(
        default="https://auth.login.yahoo.co.jp", description="Host of the token endpoint (YConnect v2)."
    )

    request_interval: Duration = Field(
        default=timedelta(seconds=1.1),
        description="Least time between two requests. The mall allows one a second for one URL.",
    )
    back_off: PositiveDuration = Field(
        default=timedelta(seconds=2),
        description="First wait after 429 or 503 without Retry-After; it doubles twice.",
    )
    daily_limit_reset_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        default=0, description="Hour in Japan at which the daily limit starts anew (inferred: midnight)."
    )
    page_size: Annotated[int, Field(ge=1, le=20)] = Field(default=20, description="Rows asked for at once, at most 20.")

    recent_every: PositiveDuration = Field(
        default=timedelta(minutes=3), description="How often topics with a young customer post are listed."
    )
    replies_every: PositiveDuration = Field(
        default=timedelta(minutes=20), description="How often topics with a young store post are listed."
    )
    recent_reach: PositiveDuration = Field(
        default=timedelta(days=2), description="How far back the two frequent readings go; at least a day of overlap."
    )
    unanswered_every: PositiveDuration = Field(
        default=timedelta(hours=4), description="How often all unanswered topics are listed, whatever their age."
    )
    history_every: PositiveDuration = Field(
        default=timedelta(hours=12),
        description="How often older topics are listed: completing and making private move neither time.",
    )
    history_reach: PositiveDuration = Field(
        default=timedelta(days=90), description="How far back the twice-daily reading goes."
    )
    history_window: PositiveDuration = Field(
        default=timedelta(days=30), description="Width of one date window of that reading."
    )
    archive_every: PositiveDuration = Field(
        default=timedelta(days=7), description="How often everything older is listed."
    )
    archive_reach: PositiveDuration = Field(
        default=timedelta(days=730), description="How far back the weekly reading goes; the mall states no limit."
    )
    archive_window: PositiveDuration = Field(
        default=timedelta(days=180), description="Width of one date window of the weekly reading."
    )

    max_files: Annotated[int, Field(ge=0)] = Field(
        default=10, description="Files of one reply; the mall states no number, a public client allows 10."
    )
    max_file_bytes: Annotated[int, Field(gt=0)] = Field(
        default=5_000_000, description="Bytes of one file; the mall states no limit."
    )
    complete_condition_without_answer: Annotated[int, Field(ge=2, le=5)] = Field(
        default=5,
        description="Condition for completing a topic that the mall does not regard as answered: "
        "2 telephone, 3 mail, 4 same question, 5 needs no answer.",
    )
    warns_on_public_topics: bool = Field(
        default=True, description="Warn that others may read a reply to a public topic (inferred)."
    )

    refresh_token_life: PositiveDuration = Field(
        default=timedelta(days=28), description="Life of the refresh token from the person's authorisation."
    )
    renewal_notice: PositiveDuration = Field(
        default=timedelta(days=7), description="How long before its end a new authorisation is asked for."
    )
    unsigned_life: PositiveDuration = Field(
        default=timedelta(hours=12), description="Life of the authorisation while the key header is not accepted."
    )
    public_key_life: PositiveDuration = Field(default=timedelta(days=365), description="Life of a public key.")
    public_key_notice: PositiveDuration = Field(
        default=timedelta(days=30), description="How long before its end a new public key is asked for."
    )
    refresh_early: Duration = Field(
        default=timedelta(minutes=5), description="How long before its end an access token is replaced."
    )
    max_clock_skew: PositiveDuration = Field(
        default=timedelta(minutes=2),
        description="Difference to the mall's clock that is reported; the key header holds our time.",
    )

    @field_validator("public_key")
    @classmethod
    def _is_rsa_public_key(cls, value: SecretStr) -> SecretStr:
        try:
            key = load_pem_public_key(value.get_secret_value().encode())
        except ValueError:
            raise ValueError("not a public key in PEM form (-----BEGIN PUBLIC KEY-----)") from None
        if not isinstance(key, RSAPublicKey):
            raise ValueError("not an RSA key")  # noqa: TRY004 - pydantic turns only ValueError into a message
        return value

    @property
    def authorisation_ends_at(self) -> AwareDatetime:
        """When the person has to authorise again."""
        return self.authorised_at + self.refresh_token_life
