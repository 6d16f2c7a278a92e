"""The data set of the simulated shop: one thread for every peculiarity of the mall."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gateway.sdk.testing import SimulatedFile

if TYPE_CHECKING:
    from connectors.rakuten.simulated_thread import StoredThread
    from connectors.rakuten.simulator import RakutenSimulator

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PHOTO = SimulatedFile(name="kake.png", content_type="image/png", content=PNG)
BLUE_MUG: dict[str, Any] = {
    "item_url": "/hidamari-zakka/mug-blue/",
    "item_name": "波佐見焼マグカップ 藍色 350ml",
    "item_number": "mug-blue",
}
GREEN_MUG: dict[str, Any] = {
    "item_url": "/hidamari-zakka/mug-green/",
    "item_name": "波佐見焼マグカップ 緑色 350ml",
    "item_number": "mug-green",
}
SHOP_TOP: dict[str, Any] = {"item_url": "/hidamari-zakka/", "item_name": "店舗トップページ"}
ITEM, SHOP, ORDER, FROM_SHOP = "商品問い合わせ", "店舗問い合わせ", "受注問い合わせ", "店舗からの問い合わせ"


def fill(mall: RakutenSimulator) -> None:
    """Fill `mall` with threads of the last 200 days, seen from its clock."""
    _before_purchase(mall)
    _order_with_image(mall)
    _social_gift(mall)
    _deleted_first_message(mall)
    _deleted_reply(mall)
    _shop_started(mall)
    _line_ends_and_emoji(mall)
    _completed(mall)
    _without_category(mall)
    _without_optional_members(mall)
    _late_follow_up(mall)
    _replies_out_of_order(mall)
    _unknown_type(mall)


def _order_number(mall: RakutenSimulator, days_ago: int, digits: str) -> str:
    day = mall.now() - timedelta(days=days_ago)
    return f"{mall.shop_id}-{day:%Y%m%d}-{digits}"


def _ago(mall: RakutenSimulator, **duration: float) -> dict[str, Any]:
    return {"at": mall.now() - timedelta(**duration)}


def _before_purchase(mall: RakutenSimulator) -> StoredThread:
    return mall.open_thread(
        "こちらの緑色の再入荷はいつごろでしょうか?😊",
        type=ITEM,
        category="再入荷・在庫",
        user_name="江口 拓",
        **GREEN_MUG,
        **_ago(mall, hours=5),
    )


def _order_with_image(mall: RakutenSimulator) -> StoredThread:
    opened = _ago(mall, days=1)
    thread = mall.open_thread(
        "先日注文したマグカップですが、取っ手が欠けていました。\n交換していただけますか。写真を添付します。",
        type=ORDER,
        category="返品交換・キャンセル",
        order_number=_order_number(mall, 3, "0512345678"),
        files=mall.keep([PHOTO], opened["at"]),
        is_read=True,
        **BLUE_MUG,
        **opened,
    )
    apology = "佐倉様\nこのたびはご迷惑をおかけし申し訳ございません。交換品を手配いたします。"
    mall.add_reply(thread, apology, is_from_shop=True, **_ago(mall, hours=22)).is_read = True
    mall.add_reply(
        thread, "ありがとうございます。平日の午前に受け取りたいです。", is_from_shop=False, **_ago(mall, hours=21)
    )
    return thread


def _social_gift(mall: RakutenSimulator) -> StoredThread:
    return mall.open_thread(
        "ギフトを受け取りました。届け先を実家に変えられますか。",
        type=ORDER,
        category="ソーシャルギフト受取",
        user_name="水野 千夏",
        order_number=_order_number(mall, 4, "0512349001"),
        gift_user_type="受取人",
        **BLUE_MUG,
        **_ago(mall, days=2),
    )


def _deleted_first_message(mall: RakutenSimulator) -> StoredThread:
    thread = mall.open_thread(
        "この本文は楽天が削除しました。",
        type=ITEM,
        category="商品詳細",
        user_name="匿名 太郎",
        **GREEN_MUG,
        **_ago(mall, days=3),
    )
    thread.is_deleted = True
    return thread


def _deleted_reply(mall: RakutenSimulator) -> StoredThread:
    thread = mall.open_thread(
        "電子レンジで使えますか。",
        type=ITEM,
        category="商品詳細",
        user_name="大木 望",
        is_read=True,
        **BLUE_MUG,
        **_ago(mall, days=3, hours=2),
    )
    mall.add_reply(thread, "はい、お使いいただけます。", is_from_shop=True, **_ago(mall, days=3))
    removed = mall.add_reply(thread, "連絡先はこちらです。", is_from_shop=False, **_ago(mall, days=2, hours=20))
    removed.is_deleted = True
    thread.changed()
    return thread


def _shop_started(mall: RakutenSimulator) -> StoredThread:
    thread = mall.open_thread(
        "ご注文の品は本日発送いたしました。お届けは明後日の予定です。",
        type=FROM_SHOP,
        category="発送の確認・連絡",
        user_name="長谷部 由香里",
        order_number=_order_number(mall, 5, "0512351111"),
        is_read=True,
        **BLUE_MUG,
        **_ago(mall, days=4),
    )
    mall.add_reply(thread, "承知しました。楽しみにしています。", is_from_shop=False, **_ago(mall, days=3, hours=23))
    return thread


def _line_ends_and_emoji(mall: RakutenSimulator) -> StoredThread:
    thread = mall.open_thread(
        "𠮷田と申します🙇‍♀️\r\nラッピングの色を\r\n選べますか？🎁👨‍👩‍👧",
        type=SHOP,
        category="店舗サービス",
        user_name="𠮷田 葵",
        **SHOP_TOP,
        **_ago(mall, days=6),
    )
    mall.add_reply(thread, "はい。\n赤と青がございます🎀", is_from_shop=True, **_ago(mall, days=5, hours=20))
    return thread


def _completed(mall: RakutenSimulator) -> StoredThread:
    thread = mall.open_thread(
        "領収書の宛名を変更できますか。",
        type=ORDER,
        category="決済方法・購入金額",
        user_name="森本 健",
        order_number=_order_number(mall, 10, "0512360042"),
        is_read=True,
        **BLUE_MUG,
        **_ago(mall, days=9),
    )
    answer = mall.add_reply(thread, "変更して再発行いたしました。", is_from_shop=True, **_ago(mall, days=8, hours=20))
    answer.is_read = True
    thread.completed_at = thread.updated_at = mall.now() - timedelta(days=8)
    thread.changed()
    return thread


def _without_category(mall: RakutenSimulator) -> StoredThread:
    return mall.open_thread(
        "営業時間を教えてください。", type=SHOP, user_name="三好 瞳", is_read=True, **SHOP_TOP, **_ago(mall, days=45)
    )


def _without_optional_members(mall: RakutenSimulator) -> StoredThread:
    return mall.open_thread(
        "ギフト包装は何種類から選べますか。",
        type=SHOP,
        category="店舗サービス",
        user_name=None,
        absent=frozenset({"userMaskEmail", "itemNumber", "completedDate", "orderNumber", "socialGiftUserType"}),
        **SHOP_TOP,
        **_ago(mall, days=75),
    )


def _late_follow_up(mall: RakutenSimulator) -> StoredThread:
    thread = mall.open_thread(
        "注文したマグカップの取っ手の太さを教えてください。",
        type=ORDER,
        category="商品詳細",
        user_name="小松 亮",
        order_number=_order_number(mall, 202, "0498765432"),
        is_read=True,
        **BLUE_MUG,
        **_ago(mall, days=200),
    )
    mall.add_reply(thread, "約2センチでございます。", is_from_shop=True, **_ago(mall, days=199, hours=20))
    mall.add_reply(
        thread, "先日その取っ手が外れてしまいました。修理できますか。", is_from_shop=False, **_ago(mall, hours=1)
    )
    thread.is_read = False
    return thread


def _replies_out_of_order(mall: RakutenSimulator) -> StoredThread:
    thread = mall.open_thread(
        "送料はいくらですか。",
        type=ORDER,
        category="送料・商品配送",
        user_name="石黒 渚",
        order_number=_order_number(mall, 13, "0512370007"),
        **GREEN_MUG,
        **_ago(mall, days=12),
    )
    mall.add_reply(thread, "北海道です。", is_from_shop=False, **_ago(mall, days=11, hours=20))
    mall.add_reply(thread, "お届け先はどちらでしょうか。", is_from_shop=True, **_ago(mall, days=11, hours=22))
    return thread


def _unknown_type(mall: RakutenSimulator) -> StoredThread:
    return mall.open_thread(
        "ライブ配信で見た商品はどれですか。",
        type="ライブ問い合わせ",
        category="配信中の質問",
        user_name="谷 光",
        **_ago(mall, days=14),
    )
