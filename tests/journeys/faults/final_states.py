"""What is kept in the end: alike in runs that heard the same, and on topics as in tables."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import orjson

from careline_contracts.events.profile import is_identity
from careline_contracts.topics import CASES, CUSTOMERS, SCORES, TICKETS, Topic
from tests.journeys.faults.checks import Input
from tests.journeys.faults.differences import unequal
from tests.journeys.faults.evidence import Evidence


def final_state(evidence: Evidence, other: Evidence, service: str, sent: Input) -> list[str]:
    """Both runs ended with the same facts and decisions."""
    here, there = (FINAL_STATES[service](each, sent) for each in (evidence, other))
    return [problem for name in here for problem in unequal(name, there[name], here[name])]


def replayed(evidence: Evidence, service: str, sent: Input) -> list[str]:
    """Whoever loses all and hears everything again has the same facts and decisions (I3)."""
    tables = {**evidence.tables, service: evidence.heard_again[service]}
    return final_state(replace(evidence, tables=tables), evidence, service, sent)


State = Mapping[str, Mapping[Hashable, Any]]


def _profile(evidence: Evidence, sent: Input) -> State:
    tables, name_of = evidence.tables["profile"], evidence.components
    return {
        "identities": {row["ref"]: name_of[row["customer"]] for row in tables["identities"]},
        "links": {(row["a"], row["b"], row["event_key"]): _rest(row) for row in tables["links"]},
        "timeline": {row["event_key"]: _rest(row) for row in tables["timeline"]},
        "reviews": {(row["a"], row["b"]): row["reason"] for row in tables["reviews"]},
        "facts": {tuple(row[column] for column in _TOLD): row["value"] for row in tables["facts"]},
    }


_TOLD = ("ref", "field", "item", "event_key")
_BUCKET = ("identity", "day", "kind", "currency", "channel", "product", "hour")


_COUNTED = (
    "number",
    "version",
    "tier_version",
    "tags_version",
    "risk_version",
    "revision",
    "saves",
    "as_of",
    "merged_into",
    "record_version",
)


def _scoring(evidence: Evidence, sent: Input) -> State:
    tables, name_of = evidence.tables["scoring"], evidence.components
    return {
        "members": {row["identity"]: name_of[row["customer"]] for row in tables["members"]},
        "buckets": {
            tuple(row[column] for column in _BUCKET): (row["times"], row["amount_minor"])
            for row in tables["buckets"]
        },
        # one that was found to be another's second name tells nothing
        "tickets": {
            row["ticket"]: (row["identity"], row["facts"])
            for row in tables["tickets"]
            if orjson.loads(row["facts"])
        },
        "answers": {row["event_id"]: _rest(row) for row in tables["answers"]},
        # versions, revisions, saves and as-ofs count what was said and saved on the way
        "customers": {
            name_of[row["number"]]: _rest(row, without=_COUNTED)
            for row in tables["customers"]
            if row["merged_into"] is None
        },
    }


def _engagement(evidence: Evidence, sent: Input) -> State:
    """What is decided depends on what was known when: between runs it is one thing for punctual
    customers only.

    An entry's trace is named after scoring's change, and so after what was said on the way.
    """
    tables, name_of = evidence.tables["engagement"], evidence.components
    absorbed = {row["absorbed"] for row in tables["aliases"]}

    def of(customers: frozenset[str], table: str) -> Iterator[tuple[str, Any]]:
        for row in tables[table]:
            if (name := name_of[row["number"]]) in customers:
                yield name, row

    return {
        "tiers": {
            name_of[row["number"]]: _last_tier(row["rulings"])
            for row in tables["customers"]
            if row["number"] not in absorbed
        },
        "facts": {
            (name, row["at"], row["kind"], row["event_id"]): row["detail"]
            for name, row in of(sent.steady, "facts")
            # named after what ticketing said on the way
            if name in sent.punctual or not row["kind"].startswith("ticket.")
        },
        "records": {
            name: row["attributes"]
            for name, row in sorted(of(sent.steady, "records"), key=lambda r: r[1]["version"])
        },
        "consents": {
            (name, row["event_id"]): _rest(row, without=("number",))
            for name, row in of(sent.steady, "consents")
        },
        "entries": {
            (name, row["at"], row["playbook"], row["trigger"]): _rest(
                row, without=("number", "name", "version", "event_id", "traceparent")
            )
            for name, row in of(sent.punctual, "entries")
        },
        "cases": {
            (name, row["opened_at"], row["playbook"]): _rest(
                row, without=("id", "number", "version", "traceparent")
            )
            for name, row in of(sent.punctual, "cases")
        },
        "contacts": {
            (name, row["at"], row["playbook"], row["step"]): _rest(
                row, without=("number", "case_id")
            )
            for name, row in of(sent.punctual, "contacts")
        },
    }


def _last_tier(rulings: str) -> str | None:
    """Versions and instants count what was said on the way; what it came to is the tier."""
    tiers = [to for _, _, verdict, to in orjson.loads(rulings) if verdict == "tier"]
    return tiers[-1] if tiers else None


def _ticketing(evidence: Evidence, sent: Input) -> State:
    tables, name_of = evidence.tables["ticketing"], evidence.components
    told_of = {row["identity"] for row in tables["facts"]}

    def ticket(row: Mapping[str, Any]) -> dict[str, Any]:
        said = orjson.loads(row["said"])
        # what was foreseen at the opening is a forecast from all that waited then
        kept = ("customer", "said", "foreseen_at")
        return {
            **_rest(row, without=kept),
            "customer": name_of[row["customer"]],
            "ticket": said["ticket"],
            "breached": said["breached"],
        }

    return {
        "facts": {row["key"]: _rest(row) for row in tables["facts"]},
        # what merges on the way told it of others is held against profile: `memberships`
        "members": {
            row["identity"]: name_of[row["customer"]]
            for row in tables["members"]
            if row["identity"] in told_of
        },
        # one that was opened by an event that came before an older one, and merged then, is only a
        # second name
        "tickets": {
            row["id"]: ticket(row) for row in tables["tickets"] if row["status"] != "merged"
        },
    }


FINAL_STATES: Mapping[str, Callable[[Evidence, Input], State]] = {
    "profile": _profile,
    "scoring": _scoring,
    "engagement": _engagement,
    "ticketing": _ticketing,
}


def memberships(evidence: Evidence) -> list[str]:
    """Whoever knows whose an identity is knows what profile knows, of each identity."""
    name_of = evidence.components
    owners = {
        row["ref"]: name_of[row["customer"]] for row in evidence.tables["profile"]["identities"]
    }
    return [
        f"{service}: {row['identity']} is {name_of[row['customer']]}'s, not {owner}'s"
        for service in ("scoring", "ticketing")
        for row in evidence.tables[service]["members"]
        # answers to outreach are kept under the number that they name
        if is_identity(row["identity"])
        and (owner := owners.get(row["identity"])) != name_of[row["customer"]]
    ]


def state_topics(evidence: Evidence) -> list[str]:
    """Whoever loads a compacted topic has what the service has (I7)."""
    scores = {
        row["number"]: (
            row["version"],
            Decimal(sum(row["points"])) / 100,
            *(row[name] for name in ("value", "need", "risk", "tier", "policy_version")),
            row["next_change_at"],
            row["merged_into"],
        )
        for row in evidence.tables["scoring"]["customers"]
        if row["points"] is not None
    }
    tickets = {
        row["id"]: (
            orjson.loads(row["said"])["version"],
            *(row[name] for name in ("customer", "status", "level", "opened_at")),
        )
        for row in evidence.tables["ticketing"]["tickets"]
    }
    cases = {
        row["id"]: tuple(row[name] for name in ("version", "status", "opened_at", "closed_at"))
        for row in evidence.tables["engagement"]["cases"]
        if not row["held_out"]  # nothing is done for these, and nothing said
    }
    customers = {
        row["number"]: tuple(row[name] for name in ("version", "created_at", "merged_into"))
        for row in evidence.tables["profile"]["customers"]
    }
    return [
        *unequal(SCORES.name, scores, _last(evidence, SCORES, _SCORE)),
        *unequal(TICKETS.name, tickets, _last(evidence, TICKETS, _TICKET)),
        *unequal(CASES.name, cases, _last(evidence, CASES, _CASE)),
        *unequal(CUSTOMERS.name, customers, _last(evidence, CUSTOMERS, _CUSTOMER)),
    ]


_SCORE = [
    "version",
    "total",
    "value",
    "need",
    "risk",
    "tier",
    "policy_version",
    "next_change_at",
    "merged_into",
]
_TICKET = ["version", "customer", "status", "level", "opened_at"]
_CASE = ["version", "status", "opened_at", "closed_at"]
_CUSTOMER = ["version", "created_at", "merged_into"]


def _last(evidence: Evidence, topic: Topic, fields: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """The present as the topic has it, by key."""
    return {
        key: tuple(_typed(name, said.payload.get(name)) for name in fields)
        for key, said in evidence.said[topic.name].present()
    }


def _typed(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at"):
        return datetime.fromisoformat(cast(str, value))
    return Decimal(value) if name == "total" else value


def _rest(row: Mapping[str, Any], *, without: Iterable[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in without}
