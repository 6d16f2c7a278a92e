"""One answer for one id: what was answered is kept, and an unfinished request holds its place for a short time."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta

from connectors.storefront.answers import RefusalError
from gateway.sdk import Memo, WebhookResponse

# How soon a sender may ask again about a request that is still being worked on.
PENDING_RETRY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A place in the memo for one id.

    The place is taken before anything is stored and is filled with the answer afterwards. If the gateway stops in
    between, the place becomes free after `pending_period`; storing twice is harmless then, since the record's
    identity comes from the same id.
    """

    memo: Memo
    key: str
    digest: str
    pending_period: timedelta
    answer_period: timedelta

    async def claim(self) -> WebhookResponse | None:
        """Take the place; return the stored answer if this is a repetition.

        Raises:
            RefusalError: `id_reused` for another body; `unavailable` while the first request is still running.
        """
        mark = json.dumps({"digest": self.digest}).encode()
        present = await self.memo.remember(self.key, mark, ttl=self.pending_period)
        if present is None:
            return None
        known = json.loads(present)
        if known["digest"] != self.digest:
            raise RefusalError("id_reused")
        if "status" not in known:
            raise RefusalError("unavailable", retry_after=PENDING_RETRY)
        return WebhookResponse(
            status=known["status"], body=base64.b64decode(known["body"]), headers=dict(known["headers"])
        )

    async def release(self) -> None:
        """Give the place back: the request was refused and may be mended."""
        await self.memo.forget(self.key)

    async def fill(self, response: WebhookResponse) -> None:
        """Keep the answer for the repetitions."""
        kept = {
            "digest": self.digest,
            "status": response.status,
            "headers": dict(response.headers),
            "body": base64.b64encode(response.body).decode("ascii"),
        }
        await self.memo.replace(self.key, json.dumps(kept).encode(), ttl=self.answer_period)
