"""What an operator or an agent is told, in both languages."""

from __future__ import annotations

from gateway.sdk import Text

_REAUTHORISE = Text(
    ja="ストアの Yahoo! JAPAN ビジネスIDで認可をやり直し、新しい refresh_token と authorised_at を登録してください。",
    en="Authorise again with the store's Business ID and enter the new refresh_token and authorised_at.",
)

BY_CODE = {
    "invalid_grant": Text(
        ja="リフレッシュトークンが無効です(28日経過、パスワード変更、または同意の取り消し)。" + _REAUTHORISE.ja,
        en="The refresh token is no longer good (28 days are over, password changed, or consent withdrawn). "
        + _REAUTHORISE.en,
    ),
    "invalid_client": Text(
        ja="client_id または client_secret が正しくありません。",
        en="client_id or client_secret is wrong.",
    ),
    "expired_token": Text(
        ja="更新したアクセストークンも期限切れとされました。" + _REAUTHORISE.ja,
        en="The mall calls even the renewed access token expired. " + _REAUTHORISE.en,
    ),
    "invalid_token": Text(
        ja="アクセストークンが受け付けられません。" + _REAUTHORISE.ja,
        en="The mall does not accept the access token. " + _REAUTHORISE.en,
    ),
    "insufficient_scope": Text(
        ja="アプリケーションにストア操作のスコープがありません。モールへの利用申請を確認してください。",
        en="The application lacks the scope for store operations; check its application form with the mall.",
    ),
    "px-04102": Text(
        ja="公開鍵認証が受け付けられないまま認可から12時間が過ぎました。トークンの更新では直りません。"
        "public_key と public_key_version を確認し、そのうえで" + _REAUTHORISE.ja,
        en="12 hours have passed since the authorisation without an accepted public-key header; refreshing does not "
        "help. Check public_key and public_key_version, then: " + _REAUTHORISE.en,
    ),
    "px-04303": Text(
        ja="このアプリケーションIDは注文・お問い合わせ管理APIの利用登録がありません。利用申請を確認してください。",
        en="This application id is not registered for the order and inquiry API; check its application form.",
    ),
    "px-04306": Text(
        ja="接続元IPアドレスがモールに登録されていません。固定IPアドレスを確認し、登録または変更を申請してください。",
        en="The address that this gateway calls from is not registered with the mall; check it and apply for it.",
    ),
    "px-14303": Text(
        ja="認可したビジネスIDに「問い合わせ管理ツール」の権限がありません。",
        en="The Business ID that authorised lacks the right 問い合わせ管理ツール.",
    ),
    "px-14304": Text(
        ja="認可したビジネスIDはこのストアアカウント(seller_id)を操作できません。",
        en="The Business ID that authorised may not act for this store account (seller_id).",
    ),
}

SIGNATURE_REFUSED = Text(
    ja="公開鍵認証が受け付けられていません。認可から12時間で接続できなくなります。"
    "public_key と public_key_version を確認してください。",
    en="The public-key header is not accepted; access ends 12 hours after the authorisation. "
    "Check public_key and public_key_version.",
)
PUBLIC_TOPIC = Text(
    ja="この問い合わせは公開です。返信は他のお客様にも見える可能性があるため、個人情報を書かないでください。"
    "先に非公開にすることもできます。",
    en="This topic is public: others may read the reply, so write no personal data. It can be made private first.",
)
FILES_NEED_PRIVATE_TOPIC = Text(
    ja="ファイルは非公開の問い合わせにだけ添付できます。",
    en="Files can be attached to private topics only.",
)
FILES_NEED_SHOPPING_TOPIC = Text(
    ja="Yahoo!オークションの問い合わせにはファイルを添付できません。",
    en="Files cannot be attached to auction topics.",
)


def pdf_is_encrypted(name: str) -> Text:
    """Say that a PDF needs a password."""
    return Text(
        ja=f"{name} は暗号化されたPDFのため送れません。", en=f"{name} is an encrypted PDF, which this mall refuses."
    )


def authorisation_ends(day: str) -> Text:
    """Say when a person has to authorise again."""
    return Text(
        ja=f"認可は{day}(日本時間)に終わります。それまでに認可をやり直してください。",
        en=f"The authorisation ends at {day} (Japan time); authorise again before that.",
    )


def public_key_ends(day: str) -> Text:
    """Say when the public key has to be replaced."""
    return Text(
        ja=f"公開鍵は{day}(日本時間)に期限を迎えます。新しい鍵を発行し、鍵とバージョンを同時に差し替えてください。",
        en=f"The public key ends at {day} (Japan time); issue a new one and change key and version together.",
    )


def clock_differs(seconds: int) -> Text:
    """Say that our clock and the mall's disagree."""
    return Text(
        ja=f"このサーバーの時計がモールと{seconds}秒ずれています。公開鍵認証が拒否されるおそれがあります。",
        en=f"This server's clock differs from the mall's by {seconds} seconds; the public-key header may be refused.",
    )


def both(text: Text) -> str:
    """Return one line in both languages, for messages that are plain text."""
    return f"{text.en} / {text.ja}"
