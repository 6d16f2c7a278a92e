"""What Yahoo! Shopping can and cannot do, with the sources."""

from __future__ import annotations

from datetime import timedelta

from gateway.sdk import Capabilities, Mark, ReplyLimits, Source

_QUESTION = "developer.yahoo.co.jp/webapi/shopping/question/"

REPLY_LIMITS = ReplyLimits(
    max_chars=2000,
    max_attachments=10,
    max_attachment_bytes=5_000_000,
    attachment_types=("image/jpeg", "image/png", "image/gif", "application/pdf"),
)

CAPABILITIES = Capabilities(
    can_pull=True,
    can_read_thread=True,
    can_download=True,
    lists_by="updated",
    page_size=20,
    request_interval=timedelta(seconds=1.1),
    credential_lifetime=timedelta(days=28),
    reply=REPLY_LIMITS,
    is_send_idempotent=False,
    proves_absence=True,
    marks=frozenset({Mark.READ, Mark.COMPLETED, Mark.PRIVATE}),
    mark_batch_size=1,
    sources=(
        Source(fact="a list answer has at most 20 rows", certainty="official", reference=_QUESTION + "list.html"),
        Source(
            fact="rows are ordered and filtered by the customer's or the store's latest post",
            certainty="official",
            reference=_QUESTION + "list.html",
        ),
        Source(
            fact="a post of the store does not move a topic in the order of customer posts",
            certainty="client",
            reference="measured by a public client",
        ),
        Source(fact="a detail answer holds every message", certainty="official", reference=_QUESTION + "detail.html"),
        Source(fact="a message has at most 2000 characters", certainty="official", reference=_QUESTION + "send.html"),
        Source(
            fact="files are JPEG, PNG, GIF or unencrypted PDF, on private shopping topics only",
            certainty="official",
            reference=_QUESTION + "fileAdd.html",
        ),
        Source(fact="a message carries at most 10 files", certainty="client", reference="one public client"),
        Source(fact="a file has at most 5 MB", certainty="inferred", reference="no limit is stated"),
        Source(
            fact="a post has no idempotency key and cannot be changed or deleted",
            certainty="official",
            reference=_QUESTION + "send.html",
        ),
        Source(
            fact="a topic can be marked read and completed, not unread or reopened",
            certainty="official",
            reference=_QUESTION + "complete.html",
        ),
        Source(
            fact="completing normally needs a post of the store",
            certainty="official",
            reference=_QUESTION + "complete.html",
        ),
        Source(fact="a topic can be made private, once", certainty="official", reference=_QUESTION + "access.html"),
        Source(
            fact="others than the customer may read a public topic",
            certainty="inferred",
            reference="there is an operation that makes a topic private",
        ),
        Source(
            fact="one request a second for one URL, 50,000 a day for one application",
            certainty="official",
            reference="developer.yahoo.co.jp/webapi/shopping/help/",
        ),
        Source(
            fact="a person authorises again within 28 days; refreshing does not lengthen that",
            certainty="client",
            reference="qiita.com/suin/items/6a67c999cfdd613ba497",
        ),
        Source(
            fact="without an accepted public-key header access ends 12 hours after the authorisation",
            certainty="official",
            reference="developer.yahoo.co.jp/webapi/shopping/help/",
        ),
        Source(
            fact="marking read, completing and making private may be repeated",
            certainty="inferred",
            reference="they set a state and answer only that they did",
        ),
        Source(
            fact="the detail shows a post as soon as it is stored",
            certainty="inferred",
            reference="the documents name no delay",
        ),
    ),
)
