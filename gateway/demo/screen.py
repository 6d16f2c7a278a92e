"""What somebody who watches the demo sees. Headings are in both languages, what people wrote stays as it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.demo.malls import Mall
from gateway.sdk.testing import SimulatedThread

WIDTH_WITHOUT_TERMINAL = 110
MOST_ROWS = 8
LONGEST_TEXT = 44

STATUS = {"new": "未対応", "open": "対応中", "pending": "返信待ち", "on_hold": "保留", "solved": "対応完了"}
REPLY_STATUS = {
    "queued": "送信待ち",
    "sending": "送信中",
    "sent": "送信済み",
    "unknown": "到達不明",
    "needs_person": "要確認",
    "rejected": "モールが拒否",
    "failed": "送信失敗",
}
ROLES = {
    "customer": "お客様",
    "gift_recipient": "受取人",
    "shop": "店舗",
    "mall": "モール",
    "carrier": "配送会社",
    "system": "自動",
}


class Screen:
    """Prints the story as it goes."""

    def __init__(self) -> None:
        self._console = Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)
        self._step = 0

    def begin(self, ja: str, en: str) -> None:
        """Begin a part of the story."""
        self._step += 1
        self._console.print(f"\n[bold]{self._step}. {ja}[/bold]  {en}")

    def show_channels(self, malls: Sequence[Mall], channels: Mapping[str, dict[str, Any]]) -> None:
        """Show which mall is where, and the channel that was added for it."""
        table = _table("モール", "アドレス address", "チャネル channel", "受信 reads")
        for mall in malls:
            way = "pull" if mall.capabilities.can_pull else "push"
            table.add_row(f"{mall.name.ja} {mall.key}", mall.url, channels[mall.key]["id"], way)
        self._console.print(table)

    def show_cases(self, mall: Mall, cases: Sequence[dict[str, Any]]) -> None:
        """Show what came in from a mall."""
        self._console.print(f"[cyan]{mall.name.ja}[/cyan] {len(cases)} 件 cases")
        table = _table("状態", "お客様", "件名", "最終発言")
        for case in cases[:MOST_ROWS]:
            at = datetime.fromisoformat(case["last_message_at"]).astimezone()
            name = case["customer"]["name"] or "-"
            table.add_row(
                STATUS.get(case["status"], case["status"]), _short(name), _short(case["subject"]), f"{at:%m-%d %H:%M}"
            )
        if len(cases) > MOST_ROWS:
            table.add_row("…", "", f"ほか {len(cases) - MOST_ROWS} 件 more", "")
        self._console.print(table)

    def show_answer(self, mall: Mall, reply: dict[str, Any], thread: SimulatedThread) -> None:
        """Show a sent reply, and the mall's side of it."""
        status = REPLY_STATUS.get(reply["status"], reply["status"])
        self._console.print(f"[cyan]{mall.name.ja}[/cyan] {reply['id']} → [green]{status} {reply['status']}[/green]")
        self._show_thread(thread)

    def show_status(self, mall: Mall, reply: dict[str, Any]) -> None:
        """Show that a reply has reached another status, and why."""
        reason = f"  {reply['reason']['text']['ja']}" if reply["reason"] and reply["reason"]["text"] else ""
        status = f"{REPLY_STATUS.get(reply['status'], reply['status'])} {reply['status']}"
        self._console.print(f"[cyan]{mall.name.ja}[/cyan] → [yellow]{status}[/yellow]{escape(reason)}")

    def show_settled(self, mall: Mall, reply: dict[str, Any], thread: SimulatedThread) -> None:
        """Show the end of the cut line: one attempt, one copy."""
        attempt = reply["attempts"][0]
        self._console.print(
            f"試行 attempt {attempt['number']}: {attempt['outcome']} ({attempt['code']}) / "
            f"モールには1通だけ届いています one copy stands at {mall.key}:"
        )
        self._show_thread(thread)

    def show_success(self) -> None:
        """Say that nothing of the story was only shown."""
        self._console.print(
            "\n[bold green]すべて確認しました。[/bold green]  Every step above was checked as it happened."
        )

    def show_running(self, addresses: Mapping[str, str], token: str, commands: Sequence[str]) -> None:
        """Show where everything is, and what to try."""
        table = _table("起動中 running", "アドレス address")
        for name, address in addresses.items():
            table.add_row(name, address)
        self._console.print(table)
        self._console.print(f"トークン token: [bold]{token}[/bold]\n\n次に試せること Try:")
        for command in commands:
            self._console.print(f"  {escape(command)}", soft_wrap=True)
        self._console.print("\nCtrl-C で終了します。 Ctrl-C ends it.")

    def _show_thread(self, thread: SimulatedThread) -> None:
        table = _table("発言者", "モール側の表示 what stands at the mall")
        for message in thread.messages:
            table.add_row(ROLES.get(message.author_role, message.author_role), escape(_short(message.text)))
        self._console.print(table)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=True, header_style="dim")
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    return table


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
