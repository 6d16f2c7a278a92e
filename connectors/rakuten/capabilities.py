"""What R-Messe can do, with the source of each fact."""

from __future__ import annotations

from datetime import timedelta

from gateway.sdk import Capabilities, Certainty, Mark, ReplyLimits, Source

_PAGES = "webservice.rms.rakuten.co.jp/merchant-portal/view/ja/common/1-1_service_index/inquirymanagementapi"
_READ = "read 2026-11-21"
# Links of parcel carriers are not among them.
LINK_HOSTS = (
    "rakuten.co.jp",
    "rakuten.ne.jp",
    "rakuten.com",
    "rakuten-bank.co.jp",
    "trafficgate.net",
    "rakuten-card.co.jp",
    "payment.sej.co.jp",
    "faq.rakuten.net",
    "support.rakuten-card.jp",
)


def _source(fact: str, certainty: Certainty, reference: str) -> Source:
    return Source(fact=fact, certainty=certainty, reference=reference)


def _official(fact: str, page: str) -> Source:
    return _source(fact, "official", f"{_PAGES}/{page}/, {_READ}")


CAPABILITIES = Capabilities(
    can_download=True,
    lists_by="created",
    page_size=100,
    request_interval=timedelta(seconds=1.1),
    credential_lifetime=timedelta(days=90),
    reply=ReplyLimits(
        max_chars=2000,
        max_line_chars=300,
        link_hosts=LINK_HOSTS,
        requires_https_links=True,
        max_attachments=1,
        # The mall refuses "5 MB or more"; below five million bytes nobody needs to know which MB it means.
        max_attachment_bytes=4_999_999,
        max_attachment_name_chars=100,
        forbidden_attachment_name_chars="[]",
        attachment_types=("image/png", "image/jpeg", "image/gif", "application/pdf"),
    ),
    proves_absence=False,
    marks=frozenset({Mark.READ, Mark.COMPLETED, Mark.REOPENED}),
    mark_batch_size=20,
    sources=(
        _official("list: 1 to 100 rows a page, 10,000 rows a window, at most 31 days", "inquiries_get"),
        _official("list rows carry the whole thread", "inquiries_get"),
        _source(
            "list filters by the opening of a thread, not by its last change",
            "client",
            "measured by a client 2026-07-17",
        ),
        _official("reply: 2,000 characters, 300 a line, https links to listed domains, one attachment", "reply_post"),
        _official("reply: the answer carries no id", "reply_post"),
        _official(
            "attachment: below 5 MB; png, jpeg, gif, pdf; name of 100 characters, no brackets", "attachment_post"
        ),
        _official("attachment: kept 90 days; errorMessage may come with 201", "attachment_post"),
        _official("read: 20 threads a call, result per thread within 200", "inquires_patch_read"),
        _source("complete and incomplete exist", "client", "two public clients"),
        _source("complete and incomplete: 20 threads a call", "inferred", "as for read; setting mark_batch_size"),
        _source("attachments can be downloaded", "client", "three public clients, one reports it working"),
        _source("one request a second for a shop", "client", "a public client; setting request_interval"),
        _source("a licence key lives 90 days and tells its end", "client", "public clients and vendors' help pages"),
        _source(
            "a reply that the thread does not show is left to a person",
            "inferred",
            "no document says when a stored reply shows; setting proves_absence",
        ),
        _source("409 on a reply: an earlier try may have arrived", "inferred", "setting is_conflict_unknown"),
        _source("the shop wrote the first message of 店舗からの問い合わせ", "inferred", "setting shop_started_types"),
        _source("an item's page is its path at item.rakuten.co.jp", "inferred", "setting item_link_prefix"),
    ),
)
