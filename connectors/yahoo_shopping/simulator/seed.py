"""The data set: every sort of topic that the mall knows. All of it is invented."""

from __future__ import annotations

from typing import Any

from connectors.yahoo_shopping.simulator.topics import Poster, Topic, Topics

MINUTE, HOUR, DAY = 60, 3600, 86_400
# One dot each: enough for a program that looks at the first bytes.
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

CLOSED = {
    2: ("お電話の件", "さきほど電話で伺った件です。"),
    3: ("メールの件", "メールでも送りました。"),
    4: ("先ほどと同じ質問です", "同じ質問を二度送ってしまいました。"),
    5: ("ありがとうございました", "無事に届きました。"),
}
"""Topics that were completed without an answer, by the condition."""


class _Planter:
    def __init__(self, topics: Topics, now: int, seller_id: str) -> None:
        self._topics = topics
        self._now = now
        self._seller_id = seller_id

    def open(self, title: str, *, order: str | None = None, item: str | None = None, **members: Any) -> Topic:
        return self._topics.open(
            title=title,
            qa_type="order" if order else "item",
            order_id=f"{self._seller_id}-{order}" if order else None,
            item_code=f"{self._seller_id}_{item}" if item else None,
            **members,
        )

    def say(
        self, topic: Topic, poster: Poster, body: str, ago: int, *, file: tuple[str, str, bytes] | None = None
    ) -> None:
        at = self._now - ago
        files = [self._topics.keep_file(topic, poster, *file, at - 12)] if file else []
        self._topics.post(topic, poster, body, at, files=files, is_api=True)

    def read(self, topic: Topic, ago: int) -> None:
        topic.is_unread = False
        topic.seller_last_read = self._now - ago


def plant(topics: Topics, now: int, seller_id: str) -> None:
    """Fill the mall; times are counted back from `now`."""
    planter = _Planter(topics, now, seller_id)
    _plant_shopping(planter)
    _plant_special(planter)
    _plant_crowd(planter)


def _plant_shopping(planter: _Planter) -> None:
    broken = planter.open("カップの取っ手が欠けていました", order="10052311", category=24, customer=1)
    text = "本日届いたマグカップの取っ手が欠けていました。交換をお願いできますか。"
    planter.say(broken, "user", text, 3 * HOUR, file=("kake.jpg", "image/jpeg", JPEG))
    planter.say(
        broken, "seller", "ご迷惑をおかけし申し訳ございません。\n交換品のお届け希望日をお知らせください。", 2 * HOUR
    )
    planter.read(broken, 2 * HOUR)
    planter.say(broken, "user", "土曜日の午前中でお願いします。", 20 * MINUTE)

    restock = planter.open("藍色の再入荷について", item="mug-blue", category=3, customer=2, is_private=False)
    planter.say(restock, "user", "藍色はいつごろ再入荷しますか?🍵", 5 * HOUR)

    # The same customer as the first topic's.
    postage = planter.open("沖縄への送料", item="mug-blue", category=4, customer=1)
    planter.say(postage, "user", "沖縄県への送料を教えてください。", 2 * DAY + 3 * HOUR)
    planter.say(postage, "seller", "沖縄県への送料は1,500円です。", 2 * DAY)
    planter.read(postage, 2 * DAY)
    postage.condition, postage.memo = 1, "送料表の改定を本部に確認済み"

    receipt = planter.open("領収書の宛名", order="10052290", category=22, customer=3, number_while_open=None)
    planter.say(receipt, "user", "領収書の宛名を「株式会社みかん商事」にしてください。", 26 * HOUR)
    planter.say(
        receipt,
        "seller",
        "宛名を変更した領収書をお送りします。",
        25 * HOUR,
        file=("ryoshusho.pdf", "application/pdf", PDF),
    )
    planter.read(receipt, 25 * HOUR)

    for condition, (title, body) in CLOSED.items():
        closed = planter.open(title, order=f"1005220{condition}", category=28, customer=10 + condition)
        planter.say(closed, "user", body, condition * DAY)
        planter.read(closed, condition * DAY - HOUR)
        closed.condition, closed.is_condition_named = condition, condition != 4


def _plant_special(planter: _Planter) -> None:
    started = planter.open("発送日のご連絡", order="10052301", category=36, customer=4, first_poster="seller")
    planter.say(started, "seller", "ご注文の品は明後日に発送の予定です。", 7 * HOUR)

    auction = planter.open("落札商品の送料", order="auc-20001", category=47, customer=5, service_type="auc")
    planter.say(auction, "user", "同梱はできますか。", 9 * HOUR)

    mail = planter.open("名入れについて", item="towel-white", category=5, customer=6, is_mail=True)
    planter.say(mail, "user", "タオルに名入れはできますか。", 3 * DAY)

    gone = planter.open("販売終了の品について", category=1, customer=7)
    planter.say(gone, "user", "もう販売しないのですか。", 40 * DAY)

    long_talk = planter.open("到着予定日に届きません", order="10051877", category=16, customer=8)
    for number in range(40):
        is_customer = number % 2 == 0
        body = f"{number + 1}通目です。" + ("まだ届きません。" if is_customer else "配送業者に確認しております。")
        planter.say(long_talk, "user" if is_customer else "seller", body, 10 * DAY - number * 3 * HOUR)

    old = planter.open("時計の電池交換", item="clock-oak", category=1, customer=9)
    planter.say(old, "user", "電池は自分で交換できますか。", 200 * DAY)
    planter.say(old, "seller", "はい、裏ぶたを外して交換できます。", 199 * DAY)

    unknown = planter.open("新しい分類の問い合わせ", order="10052188", category=77, customer=20)
    planter.say(unknown, "user", "分類が新しい問い合わせです。", 30 * HOUR)


def _plant_crowd(planter: _Planter) -> None:
    """More topics of two days than one answer holds."""
    for number in range(24):
        topic = planter.open(f"在庫の確認 {number + 1}", item=f"plate-{number:02d}", category=3, customer=30 + number)
        planter.say(topic, "user", f"お皿{number + 1}番の在庫はありますか。", 8 * HOUR + number * HOUR)
        if number % 3 == 0:
            planter.say(topic, "seller", "在庫がございます。", 7 * HOUR + number * HOUR)
            planter.read(topic, 7 * HOUR + number * HOUR)
