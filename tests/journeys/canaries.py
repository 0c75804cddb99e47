"""What names a customer, made so that it is found wherever it is in clear; events that carry it."""

from typing import Any

from careline_contracts.events.touchpoints import IdentityKind
from careline_runtime.identities import normalise

Event = dict[str, Any]

WAYS = ("http", "kafka")
IDENTITIES: dict[IdentityKind, tuple[str, str]] = {
    "phone": ("139 7261 0441", "139-7261-0442"),
    "email": ("Canary.H@Example.org", "Canary.K@Example.org"),
    "app_user": ("canary-app-h", "canary-app-k"),
    "chat_open_id": ("canary-chat-h", "canary-chat-k"),
    "community_user": ("canary-post-h", "canary-post-k"),
    "member_card": ("canary-card-h", "canary-card-k"),
    "crm_number": ("canary-crm-h", "canary-crm-k"),
    "id_number": ("330106 19920315 102x", "G7726-10441"),
    "bank_account": ("6222 0212 3456 7894", "DE89 3704 0044 0532 0130 00"),
    "device": ("canary-device-h", "canary-device-k"),
}
"""Of each kind one value for each way in."""

SEALS_A_TEXT: tuple[tuple[str, Event], ...] = (
    ("careline.chat-message.received.v1", {"session": "s"}),
    ("careline.sms.replied.v1", {}),
    ("careline.complaint.raised.v1", {}),
    ("careline.fault.reported.v1", {"impact": "question"}),
)


def an_event(id: str, kind: str, value: str, **changes: Any) -> Event:
    """Who it is, and a text that repeats it."""
    type, data = SEALS_A_TEXT[len(id) % len(SEALS_A_TEXT)]
    text = f"canary-text-{id}: 张伟明, {kind} {value}"
    return {
        "specversion": "1.0",
        "id": f"personal-{id}",
        "source": "/personal-data",
        "type": type,
        "time": "2024-01-02T03:04:05Z",
        "data": {"identities": [{"kind": kind, "value": value}], **data, "text": text},
        **changes,
    }


def good(way: str) -> list[Event]:
    """One event for each kind of identity, to be accepted."""
    return [
        an_event(f"{way}-{kind}", kind, values[WAYS.index(way)])
        for kind, values in IDENTITIES.items()
    ]


def secrets(way: str) -> set[str]:
    """All that must not be found, as it was sent and as it is known inside."""
    values = {(kind, values[WAYS.index(way)]) for kind, values in IDENTITIES.items()}
    return {
        *(value for _, value in values),
        *(normalise(kind, value) for kind, value in values),
        *(
            normalise("phone", value).removeprefix("+86")
            for kind, value in values
            if kind == "phone"
        ),
        *(f"canary-text-{event['id'].removeprefix('personal-')}" for event in good(way)),
        *(f"canary-{what}-{way}" for what in ("phone", "kind", "field", "header", "broken")),
        "110105194912310021",
        f"canary account {way}",
        "张伟明",
    }
