"""Credentials and options of one Rakuten shop."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.sdk import ChannelSettings, Sweep


def _stripped(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().strip()
    if not text:
        raise ValueError("must not be blank")
    return SecretStr(text)


# Copied from a web page, a key often carries a line break that would spoil the header.
Credential = Annotated[SecretStr, AfterValidator(_stripped)]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta())]


class RakutenSettings(ChannelSettings):
    """One shop's access to R-Messe. Durations are ISO 8601 (`PT1.1S`, `P30D`) or seconds."""

    service_secret: Credential = Field(description="serviceSecret of the shop's RMS WEB SERVICE (SP…)")
    license_key: Credential = Field(description="licenseKey of the shop's RMS WEB SERVICE (SL…), valid for 90 days")
    base_url: str = Field(
        default="https://api.rms.rakuten.co.jp/es/1.0",
        pattern=r"^https?://[^\s?#]+$",
        description="address of RMS WEB SERVICE, without the name of the API",
    )

    request_interval: timedelta = Field(
        default=timedelta(seconds=1.1),
        ge=timedelta(),
        le=timedelta(minutes=1),
        description="least time between the starts of two requests of this shop",
    )
    rate_limit_waits: tuple[PositiveDuration, ...] = Field(
        default=(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)),
        min_length=1,
        description="waits after the first, second, … 429 in a row that names no Retry-After; the last one repeats",
    )
    page_size: int = Field(default=100, ge=1, le=100, description="rows of one list page")
    max_window_rows: int = Field(
        default=10_000, ge=100, description="rows of one window that the mall lets us reach; wider windows are halved"
    )
    window: timedelta = Field(
        default=timedelta(days=30),
        ge=timedelta(hours=1),
        le=timedelta(days=30),
        description="width of one list window; the mall's bound is 31 days, perhaps less a second",
    )

    recent_every: PositiveDuration = Field(
        default=timedelta(minutes=5), description="how often threads opened lately are read"
    )
    recent_reach: PositiveDuration = Field(default=timedelta(days=7), description="how old those threads may be")
    month_every: PositiveDuration = Field(default=timedelta(hours=1), description="how often the next older ones are")
    month_reach: PositiveDuration = Field(default=timedelta(days=30), description="how old those threads may be")
    archive_every: PositiveDuration = Field(
        default=timedelta(hours=12), description="how often old threads are searched for late follow-ups"
    )
    archive_reach: PositiveDuration = Field(default=timedelta(days=180), description="how old those threads may be")
    deep_every: PositiveDuration = Field(
        default=timedelta(days=1), description="how often the oldest threads are searched for late follow-ups"
    )
    deep_reach: PositiveDuration = Field(
        default=timedelta(days=365), description="older threads are not read; the search ends here"
    )

    mark_batch_size: int = Field(
        default=20, ge=1, le=20, description="threads of one call that sets read, completed or reopened"
    )
    item_link_prefix: str | None = Field(
        default="https://item.rakuten.co.jp",
        pattern=r"^https://[^\s/]+$",
        description="what makes a link out of an item's path; null for no links",
    )
    shop_started_types: tuple[str, ...] = Field(
        default=("店舗からの問い合わせ",), description="thread types whose first message the shop wrote"
    )
    is_conflict_unknown: bool = Field(
        default=True, description="treat 409 on a reply as perhaps sent; false: as refused"
    )
    proves_absence: bool = Field(
        default=False,
        description="trust that a reply which the thread does not show after some minutes was never stored; "
        "false: a person looks before it is sent again",
    )

    @model_validator(mode="after")
    def _reaches_grow(self) -> Self:
        reaches = (self.recent_reach, self.month_reach, self.archive_reach, self.deep_reach)
        if list(reaches) != sorted(reaches):
            raise ValueError("recent_reach, month_reach, archive_reach and deep_reach must not decrease in this order")
        return self

    @property
    def reachable_rows(self) -> int:
        """Rows of a window that whole pages can reach: the mall refuses a page that crosses its bound."""
        return self.max_window_rows // self.page_size * self.page_size

    def sweeps(self) -> tuple[Sweep, ...]:
        """Return the habits of reading, the most urgent first; each leaves out what the one before it reads."""
        plan = (
            ("recent", self.recent_every, timedelta(), self.recent_reach),
            ("month", self.month_every, self.recent_reach, self.month_reach),
            ("archive", self.archive_every, self.month_reach, self.archive_reach),
            ("deep", self.deep_every, self.archive_reach, self.deep_reach),
        )
        return tuple(
            Sweep(name=name, every=every, reach=reach, window=self.window, skip=skip)
            for name, every, skip, reach in plan
            if reach > skip
        )
