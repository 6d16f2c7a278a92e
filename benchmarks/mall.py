"""A simulated Rakuten shop in a process of its own: `python -m benchmarks.mall THREADS` prints its address.

It keeps the moment at which each reply reached it, by the machine's monotonic clock, which all
processes share: `GET /_benchmark/arrivals`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.rakuten.simulated_data import PHOTO
from connectors.rakuten.simulator import RakutenSimulator
from gateway.sdk.testing import serving

PHRASES = (
    "先日注文した商品がまだ届いていないのですが、いつごろ届きますでしょうか。",
    "サイズを間違えてしまったので、交換をお願いできますか。",
    "領収書の宛名を会社名に変更していただきたいです。",
    "ギフト用の包装は選べますか。色も知りたいです。",
    "お返事ありがとうございます。承知いたしました。",
    "届いた箱の角がつぶれていました。中身は無事でした。",
    "在庫が戻る時期が分かりましたら教えてください。よろしくお願いいたします。",
    "平日の午前中に受け取りたいので、時間指定を変更できますか。",
)
KINDS = (
    ("受注問い合わせ", "送料・商品配送"),
    ("商品問い合わせ", "商品詳細"),
    ("受注問い合わせ", "返品交換・キャンセル"),
)
# One message, two, three or more, as often as a shop's inbox has them: 2.5 on average.
REPLIES = (0, 0, 0, 1, 1, 1, 2, 2, 3, 5)
WITH_PHOTO = 0.04
OLDEST = timedelta(days=360)


def filled(threads: int) -> RakutenSimulator:
    """Return a mall with `threads` inquiries over the last year, the same ones every time."""
    mall = RakutenSimulator()
    chance = random.Random(threads)
    now = mall.now()
    for number in range(threads):
        opened_at = now - OLDEST * ((number + 0.5) / threads) - timedelta(hours=2)
        type_, category = chance.choice(KINDS)
        thread = mall.open_thread(
            _text(chance),
            type=type_,
            category=category,
            order_number=f"{mall.shop_id}-{opened_at:%Y%m%d}-{number:010d}" if type_.startswith("受注") else None,
            item_url=f"/hidamari-zakka/item-{number % 500}/",
            item_name=f"波佐見焼マグカップ {number % 500} 番",
            item_number=f"item-{number % 500}",
            files=mall.keep([PHOTO], opened_at) if chance.random() < WITH_PHOTO else (),
            at=opened_at,
        )
        for index in range(chance.choice(REPLIES)):
            at = opened_at + timedelta(minutes=10 * (index + 1))
            mall.add_reply(thread, _text(chance), is_from_shop=index % 2 == 0, at=at)
    return mall


def _text(chance: random.Random) -> str:
    return "\n".join(chance.choices(PHRASES, k=chance.randint(1, 4)))


class Arrivals:
    """Notes when each reply came in, before the mall looks at it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._seen: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        at = time.monotonic()
        if scope["path"] == "/_benchmark/arrivals":
            await _answer(send, self._seen)
        elif scope["path"].endswith("/inquiry/reply"):
            await self._app(scope, self._noting(receive, at), send)
        else:
            await self._app(scope, receive, send)

    def _noting(self, receive: Receive, at: float) -> Receive:
        body = bytearray()

        async def noted() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            if not message.get("more_body") and body:
                self._seen.setdefault(json.loads(body)["message"], at)
            return message

        return noted


async def _answer(send: Send, content: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


@contextlib.contextmanager
def running_mall(threads: int) -> Iterator[str]:
    """Run the mall as a process while the block runs and yield its address."""
    command = [sys.executable, "-m", "benchmarks.mall", str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError("the simulated mall did not start")
            yield address
        finally:
            process.kill()


async def _main(threads: int) -> None:
    async with serving(Arrivals(filled(threads).app)) as address:
        print(address, flush=True)
        # The line to whoever started this process ends with them, however they end.
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
