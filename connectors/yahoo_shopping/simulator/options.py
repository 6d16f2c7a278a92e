"""Where the mall's documents are silent: each guess is a switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True, kw_only=True)
class Options:
    """The switches of one simulated mall; tests set them while it runs. Times are in seconds."""

    # Tokens
    wrong_client_status: int = 401
    dead_refresh_token_status: int = 400
    rotates_refresh_token: bool = False
    """A refresh hands out a new refresh token and ends the old one; its 28 days do not start anew."""
    reuses_refresh_token_text: bool = False
    """A new authorisation hands out the same text as before."""
    person_refuses: bool = False

    # Gate
    registered_addresses: frozenset[str] | None = None
    """Source addresses that may call; None lets everybody in."""
    is_application_registered: bool = True
    has_store_scope: bool = True
    has_inquiry_right: bool = True
    is_signature_strict: bool = False
    signature_skew: int = 300
    unsigned_life: int = 12 * 3600
    foreign_seller_status: int = 403
    unknown_path_status: int = 404
    rate_limit_status: Literal[429, 503] | None = None
    """How more than one request a second for one URL is answered; None does not look."""
    shut_out_after: int = 5
    shut_out_life: int = 60
    daily_limit: int = 50_000

    # Errors
    platform_error_shape: Literal[1, 2] = 1
    question_error_shape: Literal[1, 2, 3] = 3
    question_error_status: int = 400
    xml_content_type: str = "application/xml"

    # Reading
    max_result: int = 20
    needs_dates_with_date_type: bool = True
    includes_window_ends: bool = True
    store_started_topics_have_user_post_time: bool = False

    # Writing
    message_id_is_number: bool = False
    posting_marks_read: bool = False
    customer_post_clears_answer: bool = True
    customer_post_reopens: bool = False
    screen_replies_count_as_posts: bool = False
    """Whether condition 1 of completing counts what staff typed in the mall's own screen."""
    max_file_bytes: int = 5_000_000
    has_auctions: bool = True
    """Auction topics exist in production only."""
