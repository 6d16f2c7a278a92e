"""What the mall's category numbers mean (documented table; 29 is unused, 45 to 60 are auctions, names unknown)."""

from __future__ import annotations

from typing import NamedTuple

from gateway.sdk import Kind, Moment


class Category(NamedTuple):
    """A category: its Japanese name, and what is asked in our words."""

    name: str
    kind: Kind


CATEGORIES = {
    # Customer, before the order
    1: Category("商品の質問", Kind.PRODUCT),
    2: Category("お届け日・発送日", Kind.DELIVERY),
    3: Category("在庫状態・再入荷予定", Kind.PRODUCT),
    4: Category("送料", Kind.DELIVERY),
    5: Category("その他ストアへの連絡", Kind.OTHER),
    # Customer, after the order; 6, 10, 14 and 19 are parents
    6: Category("お届け日", Kind.DELIVERY),
    7: Category("発送日の確認", Kind.DELIVERY),
    8: Category("到着日の確認", Kind.DELIVERY),
    9: Category("注文キャンセル", Kind.ORDER_CHANGE),
    10: Category("注文・決済内容の変更", Kind.ORDER_CHANGE),
    11: Category("お届け先", Kind.ORDER_CHANGE),
    12: Category("注文内容", Kind.ORDER_CHANGE),
    13: Category("決済方法", Kind.ORDER_CHANGE),
    14: Category("商品が届かない", Kind.DELIVERY),
    15: Category("発送通知はあるが届かない", Kind.DELIVERY),
    16: Category("到着予定日に届かない", Kind.DELIVERY),
    17: Category("商品が届かない(その他)", Kind.DELIVERY),
    18: Category("商品の質問", Kind.PRODUCT),
    19: Category("連絡がない", Kind.CLAIM),
    20: Category("発送連絡がない", Kind.DELIVERY),
    21: Category("連絡がない(その他)", Kind.CLAIM),
    22: Category("領収書", Kind.PAYMENT),
    23: Category("支払い方法", Kind.PAYMENT),
    24: Category("返品および返金", Kind.RETURN_REFUND),
    25: Category("ギフト", Kind.OTHER),
    26: Category("お届け日(その他)", Kind.DELIVERY),
    27: Category("注文・決済変更(その他)", Kind.ORDER_CHANGE),
    28: Category("その他ストアへの連絡事項", Kind.OTHER),
    # Store; 30, 34 and 39 are parents
    30: Category("お支払い", Kind.PAYMENT),
    31: Category("支払い方法の連絡", Kind.PAYMENT),
    32: Category("未入金の連絡", Kind.PAYMENT),
    33: Category("お支払い(その他)", Kind.PAYMENT),
    34: Category("発送", Kind.DELIVERY),
    35: Category("発送先の確認", Kind.DELIVERY),
    36: Category("発送日時の連絡", Kind.DELIVERY),
    37: Category("再発送の連絡", Kind.DELIVERY),
    38: Category("発送(その他)", Kind.DELIVERY),
    39: Category("注文内容", Kind.ORDER_CHANGE),
    40: Category("内容の確認", Kind.ORDER_CHANGE),
    41: Category("注文キャンセルの連絡", Kind.ORDER_CHANGE),
    42: Category("注文内容(その他)", Kind.ORDER_CHANGE),
    43: Category("領収書", Kind.PAYMENT),
    44: Category("その他", Kind.OTHER),
}

_BEFORE_ORDER = range(1, 6)
_AFTER_ORDER = range(6, 45)
AUCTION = range(45, 61)


def kind_of(number: int | None) -> Kind:
    """Return what is asked; unknown and auction numbers are `other`."""
    category = CATEGORIES.get(number) if number is not None else None
    return category.kind if category else Kind.OTHER


def moment_of(number: int | None) -> Moment:
    """Return when a category of this number is asked."""
    if number in _BEFORE_ORDER:
        return Moment.BEFORE
    return Moment.AFTER if number in _AFTER_ORDER else Moment.UNKNOWN


def name_of(number: int | None) -> str | None:
    """Return the name in the mall's words; an unknown number names itself."""
    if number is None:
        return None
    category = CATEGORIES.get(number)
    return category.name if category else str(number)
