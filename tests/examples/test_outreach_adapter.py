"""The example channel system delivers for real: a mail to an SMTP server, a call to a webhook."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from careline_contracts.events.engagement import OutreachRequested
from examples.outreach_adapter.delivery import Adapter, Person, Sent

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PEOPLE = {"C-1": Person("李雷", "li.lei@example.com")}


class Mailbox(MessageHandler):
    """Keeps what a mail server received."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.mails.append(message)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, tuple[str, int]]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, (server.hostname, server.port)
    server.stop()


@pytest.fixture
def webhook() -> Iterator[tuple[list[tuple[str, dict[str, Any]]], str]]:
    calls: list[tuple[str, dict[str, Any]]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            calls.append((self.headers["idempotency-key"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield calls, f"http://127.0.0.1:{server.server_port}/outreach"
    server.shutdown()
    server.server_close()


@pytest.fixture
def adapter(mailbox: Any, webhook: Any, tmp_path: Path) -> Adapter:
    return Adapter(PEOPLE.get, mailbox[1], "care@example.com", webhook[1], Sent(tmp_path / "sent"))


def a_request(channel: str, **fields: Any) -> OutreachRequested:
    given = {
        "customer": "C-1",
        "case": "C-1-birthday-1",
        "purpose": "care",
        "channel": channel,
        "script": "birthday",
        "due_at": NOW + timedelta(hours=12),
        "policy_version": "1",
        "subject": "生日快乐",
        "body": "$name,生日快乐!",
        "expires_at": NOW + timedelta(hours=12),
        **fields,
    }
    return OutreachRequested.model_validate(given)


def results(adapter: Adapter, id: str, request: OutreachRequested) -> list[str]:
    return [
        json.loads(said.to_json())["data"]["result"] for said in adapter.deliver(id, request, NOW)
    ]


def test_a_mail_arrives_once_with_the_name_filled_in(adapter: Adapter, mailbox: Any) -> None:
    assert results(adapter, "r1", a_request("email")) == ["delivered"]
    assert results(adapter, "r1", a_request("email")) == [], "the same request again"
    [mail] = mailbox[0].mails
    assert mail["To"] == "li.lei@example.com"
    assert mail.get_payload(decode=True).decode().strip() == "李雷,生日快乐!"


def test_any_other_channel_is_a_webhook(adapter: Adapter, webhook: Any) -> None:
    assert results(adapter, "r2", a_request("sms")) == ["delivered"]
    [(key, order)] = webhook[0]
    assert (key, order["text"], order["channel"]) == ("r2", "李雷,生日快乐!", "sms")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(a_request("sms", expires_at=NOW), id="too late"),
        pytest.param(a_request("sms", customer="C-2"), id="nobody we know"),
    ],
)
def test_what_can_not_be_delivered_is_answered(
    adapter: Adapter, webhook: Any, request_: OutreachRequested
) -> None:
    assert results(adapter, "r3", request_) == ["failed"]
    assert webhook[0] == []


def test_a_server_that_is_away_is_an_answer_too(adapter: Adapter, tmp_path: Path) -> None:
    away = Adapter(PEOPLE.get, ("127.0.0.1", 1), "care@example.com", "", Sent(tmp_path / "other"))
    assert results(away, "r4", a_request("email")) == ["failed"]


def test_a_restart_remembers(adapter: Adapter, tmp_path: Path) -> None:
    results(adapter, "r5", a_request("sms"))
    assert "r5" in Sent(tmp_path / "sent")
