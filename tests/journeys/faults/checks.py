"""What must hold after a run, said as what differs: an empty list is what every check wants."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, cast

import orjson

from careline_cli.load import ACCEPTED, DUPLICATE, ROAMS_EVERY, Load, Loaded, records
from careline_contracts.envelope import event_key
from careline_contracts.events.touchpoints import Identity
from careline_contracts.topics import (
    ACTIVITIES,
    CASE_CHANGES,
    CASES,
    CUSTOMER_CHANGES,
    CUSTOMERS,
    RISK_CHANGES,
    SCORE_CHANGES,
    SCORES,
    TAG_CHANGES,
    TICKET_CHANGES,
    TICKETS,
    TIER_CHANGES,
    TOUCHPOINTS,
    Topic,
)
from careline_runtime.keyring import Keyring
from tests.journeys.faults.evidence import Evidence
from tests.journeys.faults.said import Said

SHOWN = 5
"""So many differences are shown, and the number of the others."""


class Input:
    """What was sent, and what it must come to, computed from the load alone."""

    def __init__(self, load: Load, keyring: Keyring) -> None:
        self._load = load
        self._keyring = keyring
        sent = list(records(load))
        self.accepted = [loaded for loaded in sent if loaded.expected == ACCEPTED]
        self.refused = {
            loaded.id: loaded.expected
            for loaded in sent
            if loaded.expected not in (ACCEPTED, DUPLICATE)
        }

    def ref(self, identity: Identity) -> str:
        """The token that stands for an identity."""
        return f"{identity.kind}:{self._keyring.token(identity.kind, identity.value)}"

    def owner(self, loaded: Loaded) -> str:
        """The identity under which an event's facts are kept."""
        return self.ref(loaded.event.identities[0])

    @property
    def event_keys(self) -> dict[str, str]:
        """Of every accepted event: the name under which inboxes know it → its id."""
        return {event_key(self._load.source, loaded.id): loaded.id for loaded in self.accepted}

    @cached_property
    def steady(self) -> frozenset[str]:
        """Customers whose every event lies in one partition, by the least of their identities.

        Kafka gives no order between partitions: what the others did has another order in every
        run, and what is said of them on the way differs with it.
        """
        places = defaultdict(set)
        for loaded in self.accepted:
            if loaded.customer % ROAMS_EVERY:
                places[loaded.customer].add((loaded.record.topic, str(loaded.record.key)))
        return frozenset(
            self.ref(Identity(kind="member_card", value=key))
            for [(_, key)] in (place for place in places.values() if len(place) == 1)
        )

    @property
    def over_http(self) -> set[str]:
        """The events that come over HTTP."""
        return {loaded.id for loaded in self.accepted if loaded.is_over_http}

    @cached_property
    def customers(self) -> int:
        """How many the load has."""
        return len({loaded.customer for loaded in self.accepted})

    def sums(self) -> dict[str, tuple[int, int]]:
        """Per identity, how many events and how much money."""
        found: Counter[str] = Counter()
        money: Counter[str] = Counter()
        for loaded in self.accepted:
            found[self.owner(loaded)] += 1
            money[self.owner(loaded)] += getattr(loaded.event, "amount_minor", 0)
        return {ref: (times, money[ref]) for ref, times in found.items()}

    def contacts(self) -> dict[tuple[str, str], tuple[int, datetime, datetime]]:
        """Per identity and channel, how many events, the first and the last."""
        instants = defaultdict(list)
        for loaded in self.accepted:
            channel = getattr(loaded.event, "via", loaded.event.channel)
            instants[self.owner(loaded), channel].append(loaded.occurred_at)
        return {name: (len(all), min(all), max(all)) for name, all in instants.items()}


def lost_and_double(evidence: Evidence, sent: Input) -> list[str]:
    """Every accepted event has exactly one effect in each service that heard it."""
    inbox = _inbox(evidence, "profile")
    touchpoints = evidence.said[TOUCHPOINTS.name]
    activities = evidence.said[ACTIVITIES.name]
    merges = {id for id, said in activities.items() if id.endswith("-merged")}
    ids = {loaded.id for loaded in sent.accepted}
    scoring = evidence.tables["scoring"]["buckets"]
    times: Counter[str] = Counter()
    money: Counter[str] = Counter()
    for row in scoring:
        if row["kind"].startswith("ticket."):
            continue  # nobody sent it: ticketing found it
        times[row["identity"]] += row["times"]
        money[row["identity"]] += row["amount_minor"]
    heard_by_scoring = _keys("profile", [*activities, *evidence.said[CUSTOMERS.name]]) | _keys(
        "ticketing", evidence.said[TICKETS.name]
    )
    contacts = {
        (row["ref"], row["channel"]): (row["touchpoints"], row["first_at"], row["last_at"])
        for row in evidence.tables["profile"]["contacts"]
    }
    return [
        *_differ("touchpoints", ids, touchpoints),
        *_differ("profile's inbox", sent.event_keys, inbox),
        *_differ("activities", sent.event_keys, activities.keys() - merges),
        *_differ("scoring's inbox", heard_by_scoring, _inbox(evidence, "scoring")),
        *_unequal("scoring's buckets", sent.sums(), {r: (n, money[r]) for r, n in times.items()}),
        *_unequal("profile's contacts", sent.contacts(), contacts),
    ]


def answered(evidence: Evidence, sent: Input) -> list[str]:
    """Ingest took every event that came over HTTP, and what it has taken is not lost."""
    refused = [
        f"{loaded.id}: {verdict}"
        for loaded, verdict in evidence.answers
        if verdict.status == "rejected"
    ]
    taken = {loaded.id for loaded, _ in evidence.answers}
    keys = {key: id for key, id in sent.event_keys.items() if id in taken}
    inbox, touchpoints = _inbox(evidence, "profile"), evidence.said[TOUCHPOINTS.name]
    return [
        *refused,
        *_differ("answered", sent.over_http, taken),
        *_differ("touchpoints of what was answered", taken, taken & touchpoints.keys()),
        *_differ("profile's inbox of what was answered", keys, keys.keys() & inbox),
    ]


def dead_letters(evidence: Evidence, sent: Input) -> list[str]:
    """Poison was put aside with its reason, each record that was sent; nothing else was."""
    expected = Counter(
        (place, id, sent.refused[id]) for place, id in evidence.raw.items() if id in sent.refused
    )
    found = Counter(
        ((letter.topic, letter.partition, letter.offset), letter.id, letter.reason)
        for letter in evidence.dead_letters.get("ingest", ())
    )
    others = [f"{s}: {found}" for s, found in evidence.dead_letters.items() if s != "ingest"]
    unsent = [f"{id} was not sent" for id in sent.refused.keys() - evidence.raw.values()]
    return [*_differ("dead letters", expected, found), *others, *unsent]


_NUMBERED: tuple[tuple[str, tuple[Topic, ...]], ...] = (
    ("customer", (SCORE_CHANGES,)),
    ("case", (CASE_CHANGES,)),
    ("ticket", (TICKET_CHANGES,)),
)
"""Whose changes are numbered, and on which topics; a number is given once, and none is left out."""
_CHAINED = (TIER_CHANGES, TAG_CHANGES, RISK_CHANGES)
"""Each change names the version of the customer's change before it on the topic."""


def order(evidence: Evidence) -> list[str]:
    """Changes are numbered without a gap, and come in order under each key."""
    problems = [f"another content: {flaw}" for flaw in evidence.repeated_otherwise]
    for whose, topics in _NUMBERED:
        versions: defaultdict[str, list[int]] = defaultdict(list)
        for topic in topics:
            # a merge gives the changes of a case or ticket another key, and so another partition
            newest: Counter[tuple[str, str]] = Counter()
            for id, said in evidence.said[topic.name].items():
                name, version = said.payload[whose], said.payload["version"]
                versions[name].append(version)
                if version < newest[said.key, name]:
                    problems.append(f"{topic.name} {id} comes after {newest[said.key, name]}")
                newest[said.key, name] = version
        problems += [
            f"{whose} {name}: versions {sorted(found)}"
            for name, found in versions.items()
            if sorted(found) != list(range(1, len(found) + 1))
        ]
    for topic in _CHAINED:
        problems += _broken_chain(evidence, topic)
    for topic in (CUSTOMERS, CUSTOMER_CHANGES, SCORES, CASES, TICKETS):
        problems += _not_ascending(evidence, topic)
    return problems


def _broken_chain(evidence: Evidence, topic: Topic) -> Iterator[str]:
    newest: Counter[str] = Counter()
    for id, said in evidence.said[topic.name].items():
        before = said.payload.get("previous_version", 0)
        if before != newest[said.key]:
            yield f"{topic.name} {id}: comes after {newest[said.key]}, not after {before}"
        newest[said.key] = said.payload["version"]


def _not_ascending(evidence: Evidence, topic: Topic) -> Iterator[str]:
    newest: Counter[str] = Counter()
    for id, said in evidence.said[topic.name].items():
        version = said.payload["version"]
        if version < newest[said.key]:
            yield f"{topic.name} {id}: version {version} after {newest[said.key]}"
        newest[said.key] = version


def published(evidence: Evidence, other: Evidence, sent: Input) -> list[str]:
    """Both runs said the same of every steady customer: ids, times and content."""
    problems: list[str] = []
    for topic in sorted({*evidence.said, *other.said}):
        here, there = (_of(each, topic, sent.steady) for each in (evidence, other))
        problems += _unequal(topic, there, here)
    return problems


def _of(evidence: Evidence, topic: str, steady: frozenset[str]) -> dict[str, Said]:
    """What was said on a topic about steady customers."""
    components = evidence.components
    found = {}
    for id, said in evidence.said[topic].items():
        whose = said.key
        if topic in (TICKETS.name, CASES.name):
            whose = said.payload["customer"]
        if components.get(whose, whose) in steady:
            found[id] = said
    return found


def final_state(evidence: Evidence, other: Evidence, service: str, sent: Input) -> list[str]:
    """Both runs ended with the same facts and decisions."""
    here, there = (FINAL_STATES[service](each, sent.steady) for each in (evidence, other))
    return [problem for name in here for problem in _unequal(name, there[name], here[name])]


def replayed(evidence: Evidence, service: str, sent: Input) -> list[str]:
    """Whoever loses all and hears everything again has the same facts and decisions."""
    tables = {**evidence.tables, service: evidence.heard_again[service]}
    return final_state(replace(evidence, tables=tables), evidence, service, sent)


State = Mapping[str, Mapping[Hashable, Any]]


def _profile(evidence: Evidence, steady: frozenset[str]) -> State:
    tables, name_of = evidence.tables["profile"], evidence.components
    return {
        "identities": {row["ref"]: name_of[row["customer"]] for row in tables["identities"]},
        "links": {(row["a"], row["b"], row["event_key"]): _rest(row) for row in tables["links"]},
        "contacts": {(row["ref"], row["channel"]): _rest(row) for row in tables["contacts"]},
        "reviews": {(row["a"], row["b"]): row["reason"] for row in tables["reviews"]},
    }


_BUCKET = ("identity", "day", "kind", "currency", "channel", "product", "hour")


def _scoring(evidence: Evidence, steady: frozenset[str]) -> State:
    tables, name_of = evidence.tables["scoring"], evidence.components
    return {
        "members": {row["identity"]: name_of[row["customer"]] for row in tables["members"]},
        "buckets": {
            tuple(row[column] for column in _BUCKET): (row["times"], row["amount_minor"])
            for row in tables["buckets"]
        },
        # versions, revisions, saves and as-ofs count what was said and saved on the way
        "customers": {
            name_of[row["number"]]: _rest(
                row, without=("number", "version", "revision", "saves", "as_of", "merged_into")
            )
            for row in tables["customers"]
            if row["merged_into"] is None
        },
    }


def _engagement(evidence: Evidence, steady: frozenset[str]) -> State:
    """Cases depend on what was known when; that is one thing for steady customers only.

    An entry's trace is named after scoring's change, and so after what was said on the way.
    """
    tables, name_of = evidence.tables["engagement"], evidence.components
    absorbed = {row["absorbed"] for row in tables["aliases"]}

    def mine(table: str) -> Iterator[tuple[str, Any]]:
        for row in tables[table]:
            if (name := name_of[row["number"]]) in steady:
                yield name, row

    return {
        "tiers": {
            name_of[row["number"]]: _last_tier(row["rulings"])
            for row in tables["customers"]
            if row["number"] not in absorbed
        },
        "facts": {
            (name, row["at"], row["kind"], row["event_id"]): row["detail"]
            for name, row in mine("facts")
            # named after what ticketing said on the way
            if not row["kind"].startswith("ticket.")
        },
        "entries": {
            (name, row["at"], row["playbook"], row["trigger"]): _rest(
                row, without=("number", "name", "version", "event_id", "traceparent")
            )
            for name, row in mine("entries")
        },
        "cases": {
            (name, row["opened_at"]): _rest(row, without=("id", "number", "version", "traceparent"))
            for name, row in mine("cases")
        },
    }


def _last_tier(rulings: str) -> str | None:
    """Versions and instants count what was said on the way; what it came to is the tier."""
    tiers = [to for _, _, verdict, to in orjson.loads(rulings) if verdict == "tier"]
    return tiers[-1] if tiers else None


def _ticketing(evidence: Evidence, steady: frozenset[str]) -> State:
    tables, name_of = evidence.tables["ticketing"], evidence.components
    told_of = {row["identity"] for row in tables["facts"]}

    def ticket(row: Mapping[str, Any]) -> dict[str, Any]:
        said = orjson.loads(row["said"])
        kept = ("customer", "said")
        return {
            **_rest(row, without=kept),
            "customer": name_of[row["customer"]],
            "ticket": said["ticket"],
            "breached": said["breached"],
        }

    return {
        "facts": {row["key"]: _rest(row) for row in tables["facts"]},
        # of identities without a fact it knows only what merges on the way told it
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


FINAL_STATES = {
    "profile": _profile,
    "scoring": _scoring,
    "engagement": _engagement,
    "ticketing": _ticketing,
}


def left_over(evidence: Evidence) -> list[str]:
    """Nothing waits to be published, and no promise that is due has been left."""
    problems = []
    for service, tables in evidence.tables.items():
        if tables["outbox"]:
            problems.append(f"{service}: {len(tables['outbox'])} units in the outbox")
        due = [row for row in tables["timers"] if row["due_at"] <= evidence.clock]
        problems += [f"{service}: timer {dict(row)} is due" for row in due]
    return problems


def state_topics(evidence: Evidence) -> list[str]:
    """Whoever loads a compacted topic has what the service has."""
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
        *_unequal(SCORES.name, scores, _last(evidence, SCORES, _SCORE)),
        *_unequal(TICKETS.name, tickets, _last(evidence, TICKETS, _TICKET)),
        *_unequal(CASES.name, cases, _last(evidence, CASES, _CASE)),
        *_unequal(CUSTOMERS.name, customers, _last(evidence, CUSTOMERS, _CUSTOMER)),
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


def _inbox(evidence: Evidence, service: str) -> set[str]:
    return {row["event_key"].hex for row in evidence.tables[service]["inbox"]}


def _keys(service: str, ids: Iterable[str]) -> dict[str, str]:
    return {event_key(f"/careline/{service}", id): id for id in ids}


def _rest(row: Mapping[str, Any], *, without: Iterable[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in without}


def _differ(what: str, expected: Iterable[Hashable], found: Iterable[Hashable]) -> Iterator[str]:
    expected, found = set(expected), set(found)
    yield from (f"{what}: lost {one}" for one in sorted(expected - found, key=str))
    yield from (f"{what}: not expected {one}" for one in sorted(found - expected, key=str))


def _unequal(what: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[str]:
    for name in sorted(expected.keys() | found.keys(), key=str):
        if expected.get(name) != found.get(name):
            yield f"{what} {name}:\n  expected {expected.get(name)}\n  found    {found.get(name)}"
