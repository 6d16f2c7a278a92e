"""How the list is read again and again, by the settings of a channel."""

from __future__ import annotations

from connectors.yahoo_shopping.settings import YahooShoppingSettings
from gateway.sdk import Sweep

CUSTOMER_POST = "userPostTime"
STORE_POST = "sellerPostTime"
UNANSWERED = "unanswered"


def sweeps_of(settings: YahooShoppingSettings) -> tuple[Sweep, ...]:
    """Return the readings of one store account.

    A post of the store does not move a topic in the order of customer posts, and a topic that the store started
    has no customer post at all, so both orders are read. Completing and making private move neither time:
    the digest of the row tells, each time the older days are read.
    """
    recent = [
        Sweep(
            name=f"recent {key}",
            every=settings.recent_every if key == CUSTOMER_POST else settings.replies_every,
            reach=settings.recent_reach,
            window=settings.recent_reach,
            list_key=key,
        )
        for key in (CUSTOMER_POST, STORE_POST)
    ]
    unanswered = Sweep(
        name=UNANSWERED,
        every=settings.unanswered_every,
        # This list has no dates: one window stands for all of it.
        reach=settings.archive_reach,
        window=settings.archive_reach,
        list_key=UNANSWERED,
    )
    history = [
        Sweep(
            name=f"history {key}",
            every=settings.history_every,
            reach=settings.history_reach,
            window=settings.history_window,
            skip=settings.recent_reach,
            list_key=key,
        )
        for key in (CUSTOMER_POST, STORE_POST)
    ]
    archive = [
        Sweep(
            name=f"archive {key}",
            every=settings.archive_every,
            reach=settings.archive_reach,
            window=settings.archive_window,
            skip=settings.history_reach,
            list_key=key,
        )
        for key in (CUSTOMER_POST, STORE_POST)
    ]
    return (recent[0], unanswered, recent[1], *history, *archive)
