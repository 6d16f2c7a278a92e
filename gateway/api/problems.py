"""Every kind of problem that the API answers with: its code and its title."""

from __future__ import annotations

from gateway.sdk import Text

PROBLEMS = {
    # 400: the request cannot be understood
    "malformed_json": Text(ja="JSONとして読めません", en="The body is not JSON"),
    "malformed_body": Text(ja="本文を読めません", en="The body cannot be read"),
    "invalid_header": Text(ja="ヘッダーが正しくありません", en="A header is not valid"),
    "invalid_cursor": Text(ja="カーソルが正しくありません", en="The cursor is not valid"),
    "idempotency_key_missing": Text(ja="Idempotency-Key がありません", en="Idempotency-Key is missing"),
    # 401, 403: who asks
    "token_missing": Text(ja="認証が必要です", en="A token is needed"),
    "token_invalid": Text(ja="トークンが無効です", en="The token is not valid"),
    "scope_missing": Text(ja="権限がありません", en="The token lacks a scope"),
    "outside_limits": Text(ja="トークンの範囲外です", en="Outside the limits of the token"),
    # 404, 405: where
    "not_found": Text(ja="見つかりません", en="Not found"),
    "method_not_allowed": Text(ja="このメソッドは使えません", en="Method not allowed"),
    # 409, 412, 428: the present state
    "stale_revision": Text(ja="その後に更新されています", en="It has changed since"),
    "if_match_missing": Text(ja="If-Match が必要です", en="If-Match is needed"),
    "reply_state": Text(ja="返信の状態が合いません", en="The reply is in another state"),
    "may_have_left": Text(ja="送信済みの可能性があります", en="The reply may have left"),
    "no_reply": Text(ja="返信できません", en="There is no way to reply"),
    "mark_not_possible": Text(ja="モールに伝えられません", en="The mall cannot be told this"),
    "channel_paused": Text(ja="チャネルは停止中です", en="The channel is paused"),
    "address_taken": Text(ja="公開アドレスは使われています", en="The address is taken"),
    "attachment_not_stored": Text(ja="ファイルはまだありません", en="The file is not here"),
    "attachment_lost": Text(ja="ファイルが失われています", en="The file is lost"),
    "idempotency_key_in_use": Text(ja="同じキーの処理中です", en="The first request with this key still runs"),
    # 413, 415: the body as a whole
    "body_too_large": Text(ja="本文が大きすぎます", en="The body is too large"),
    "unsupported_media_type": Text(ja="この形式は受け付けません", en="Unsupported media type"),
    # 422: it is understood and breaks rules
    "invalid_request": Text(ja="入力が正しくありません", en="The request is not valid"),
    "idempotency_key_reused": Text(ja="同じキーで別の内容です", en="The key was used for another request"),
    "reply_breaks_rules": Text(ja="モールに受け付けられません", en="The mall would refuse this reply"),
    "revision_unknown": Text(ja="その版はありません", en="There is no such revision"),
    "attachment_not_usable": Text(ja="使えない添付ファイルです", en="An attachment cannot be used"),
    "file_too_large": Text(ja="ファイルが大きすぎます", en="The file is too large"),
    "file_empty": Text(ja="ファイルが空です", en="The file is empty"),
    "invalid_case_change": Text(ja="この変更はできません", en="The case cannot be changed like this"),
    "invalid_settings": Text(ja="設定が正しくありません", en="The settings are not valid"),
    "connector_not_loadable": Text(ja="コネクタを読み込めません", en="The connector cannot be loaded"),
    "address_form": Text(ja="公開アドレスの形が正しくありません", en="The address has another form"),
    # 429, 5xx: not now
    "rate_limited": Text(ja="しばらくお待ちください", en="Too many requests"),
    "mall_unavailable": Text(ja="今は受け付けられません", en="This cannot be taken now"),
    "database_unavailable": Text(ja="データベースに接続できません", en="The database is away"),
    "credentials_unreadable": Text(ja="認証情報を開けません", en="Stored credentials cannot be opened"),
    "internal_error": Text(ja="内部エラー", en="Internal error"),
}


def type_of(code: str) -> str:
    """Return the URI that names a kind of problem; docs/api.md describes each."""
    return f"/problems/{code.replace('_', '-')}"
