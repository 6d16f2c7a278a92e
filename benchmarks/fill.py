"""A shop's years in one minute: cases with all that belongs to them, made inside the server."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg

MESSAGES_EACH = 2.5
_BATCH = 40_000

# Case number n of :cases is older the smaller n is; its number decides everything else about it, and it has from one
# to four messages. Few cases wait for somebody, and those lie anywhere in the past, which is the worst case for a list.
_STATEMENTS = (
    """
    CREATE TEMP TABLE made AS
    SELECT n, uuidv7(-age) AS id, uuidv7(-age) AS record_id, (%(channels)s::uuid[])[1 + n %% %(count)s] AS channel_id,
        now() - age AS at, '377001-' || to_char(now() - age, 'YYYYMMDD') || '-' || lpad(n::text, 8, '0') || 'i' AS name
    FROM (
        SELECT n, interval '3 years' * (1 - n::float / %(total)s) + interval '1 day' AS age
        FROM generate_series(%(first)s::int, %(last)s::int) AS n
    ) AS numbered
    """,
    """
    INSERT INTO "case" (id, channel_id, external_id, subject, status, kind, moment, category, customer_name,
        customer_address, mall_is_read, mall_is_completed, is_withdrawn, context, opened_at, updated_at,
        last_message_at, last_inbound_at, revision)
    SELECT id, channel_id, name, '商品問い合わせ / 商品詳細 / 波佐見焼マグカップ ' || n %% 500,
        CASE WHEN n %% 97 < 4 THEN 'new' WHEN n %% 97 < 8 THEN 'open' WHEN n %% 97 < 13 THEN 'pending'
            WHEN n %% 97 = 13 AND n %% %(count)s <> 0 THEN 'on_hold' ELSE 'solved' END,
        (ARRAY['product', 'delivery', 'return_refund', 'payment', 'other'])[1 + n %% 5], 'after', '商品詳細',
        '佐倉 美晴', md5(n::text) || 's2@pc.fw.example', true, n %% 97 > 13, false,
        '{"shop_id": "377001", "type": "商品問い合わせ"}', at, at, at + interval '1 hour', at, 2
    FROM made
    """,
    """
    INSERT INTO record (id, channel_id, external_id, version, content_type, payload, state, case_id, received_at,
        applied_at)
    SELECT record_id, channel_id, name, encode(sha256(name::bytea), 'hex'), 'application/json',
        convert_to(repeat(md5(n::text), 28), 'UTF8'), 'applied', id, at, at
    FROM made
    """,
    """
    INSERT INTO message (id, case_id, channel_id, external_id, direction, author_role, author_name, text, is_deleted,
        sent_at, received_at, record_id, case_revision)
    SELECT uuidv7(at - now()), id, channel_id, name || '#reply-' || m,
        CASE m %% 2 WHEN 0 THEN 'inbound' ELSE 'outbound' END, CASE m %% 2 WHEN 0 THEN 'customer' ELSE 'shop' END,
        '佐倉 美晴', repeat('先日注文した商品がまだ届いていないのですが、いつごろ届きますでしょうか。', 2), false,
        at + interval '10 minutes' * m, at, record_id, 2
    FROM made, generate_series(0, n %% 4) AS m
    """,
    """
    INSERT INTO reference (id, case_id, kind, value, is_verified)
    SELECT uuidv7(at - now()), id, kind, CASE kind WHEN 'order' THEN name ELSE 'item-' || n %% 500 END, true
    FROM made, unnest(ARRAY['order', 'item']) AS kind
    """,
    """
    INSERT INTO event (position, type, channel_id, case_id, subject_id, actor, detail, happened_at)
    SELECT 4 * n + m, CASE m WHEN 0 THEN 'case.opened' ELSE 'message.received' END, channel_id, id, id, 'engine',
        '{"status": "new", "was": null}', at
    FROM made, generate_series(0, n %% 4) AS m
    """,
    "DROP TABLE made",
)


def fill(url: str, messages: int, channels: Sequence[UUID]) -> None:
    """Store about `messages` messages, spread over `channels`, with their cases, records, references and events."""
    total = max(int(messages / MESSAGES_EACH), len(channels))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for first in range(0, total, _BATCH):
            values = {
                "channels": list(channels),
                "count": len(channels),
                "total": total,
                "first": first,
                "last": min(first + _BATCH, total) - 1,
            }
            with connection.transaction():
                for statement in _STATEMENTS:
                    connection.execute(statement.encode(), values if "%" in statement else None)
        connection.execute("VACUUM ANALYZE")
