"""A score of suspicion. A high score sets a submission aside for a person to look at; it never refuses it."""

from __future__ import annotations

import re

from connectors.storefront.wire import FormSubmission

_LINK = re.compile(r"https?://|www\.|\[url", re.IGNORECASE)
_MARKUP = re.compile(r"<a\s|\[/?url|\[/?link", re.IGNORECASE)
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
LONG_CHARS = 5000
SHORT_CHARS = 3


def spam_score(submission: FormSubmission, *, max_links: int) -> int:
    """Return points: one for each link too many, two for link markup, one each for other oddities."""
    body = submission.body
    links = len(_LINK.findall(body))
    score = max(0, links - max_links)
    score += 2 if _MARKUP.search(body) else 0
    score += 1 if links and not _JAPANESE.search(body) else 0
    score += 1 if _LINK.search(submission.subject) or _LINK.search(submission.name or "") else 0
    score += 1 if len(body) > LONG_CHARS or len(body.strip()) < SHORT_CHARS else 0
    return score
