"""What must hold after a run, said as what differs: an empty list is what every check wants."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property

from careline_contracts.envelope import Record, event_key, from_headers
from careline_contracts.events.touchpoints import Identity
from careline_contracts.topics import (
    ACTIVITIES,
    CASE_CHANGES,
    CASES,
    CUSTOMER_CHANGES,
    CUSTOMERS,
    OUTREACH_RESULTS,
    RISK_CHANGES,
    SCORE_CHANGES,
    SCORES,
    TAG_CHANGES,
    TICKET_CHANGES,
    TICKET_DIGESTS,
    TICKETS,
    TIER_CHANGES,
    TOUCHPOINTS,
    Topic,
)
from careline_engagement.policy import EngagementPolicy
from careline_profile.rules import token_of
from careline_runtime.keyring import Keyring
from careline_runtime.policy import load_policy
from careline_runtime.settings import ServiceSettings
from careline_ticketing.policy import Policy as TicketingPolicy
from tests.journeys.faults.answers import SOURCE, answers_to, ref
from tests.journeys.faults.differences import differ, unequal
from tests.journeys.faults.evidence import Evidence
from tests.journeys.faults.load import ACCEPTED, DUPLICATE, ROAMS_EVERY, Load, Loaded, records
from tests.journeys.faults.recovery import LONGEST_RECOVERY_SECONDS, LONGEST_UNPUBLISHED_SECONDS
from tests.journeys.faults.said import Said

SHIPPED = ServiceSettings(policies=None)
TICKETED = load_policy(TicketingPolicy, package="careline_ticketing", settings=SHIPPED).policy.types
"""What makes or moves tickets."""
CARED_ABOUT = load_policy(
    EngagementPolicy, package="careline_engagement", settings=SHIPPED
).policy.touchpoint_types
"""What some playbook looks at."""
SHOWN = 5
"""So many differences are shown, and the number of the others."""


class Input:
    """What was sent, and what it must come to, computed from the load alone."""

    def __init__(self, load: Load, keyring: Keyring) -> None:
        self._load = load
        self._keyring = keyring
        sent = list(records(load))
        self.answers = frozenset(_id(record) for record in answers_to(sent, keyring))
        """The ids of answers to outreach."""
        self.accepted = [loaded for loaded in sent if loaded.expected == ACCEPTED]
        self.refused = {
            loaded.id: loaded.expected
            for loaded in sent
            if loaded.expected not in (ACCEPTED, DUPLICATE)
        }

    def ref(self, identity: Identity) -> str:
        """The token that stands for an identity."""
        return ref(identity, self._keyring)

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

    @cached_property
    def punctual(self) -> frozenset[str]:
        """Steady customers of whom no event overtook another.

        Of the others something was decided while an event was still on its way. That is another
        history: an undisturbed run has never had to decide then.
        """
        overtaken = set()
        latest: dict[int, datetime] = {}
        for loaded in self.accepted:
            if loaded.occurred_at < latest.get(loaded.customer, loaded.occurred_at):
                overtaken.add(self.ref(Identity(kind="member_card", value=str(loaded.record.key))))
            latest[loaded.customer] = max(
                loaded.occurred_at, latest.get(loaded.customer, loaded.occurred_at)
            )
        return self.steady - overtaken

    @property
    def over_http(self) -> set[str]:
        """The events that come over HTTP."""
        return {loaded.id for loaded in self.accepted if loaded.is_over_http}

    def of_types(self, types: Collection[str]) -> set[str]:
        """Ids of the activities that are made of accepted events of these types."""
        source = self._load.source
        return {event_key(source, one.id) for one in self.accepted if one.event.type in types}

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

    def timeline(self) -> Counter[tuple[str, str, datetime]]:
        """Whose, in which channel and when each event was."""
        return Counter(
            (
                token_of(self.owner(loaded)),
                getattr(loaded.event, "via", loaded.event.channel),
                loaded.occurred_at,
            )
            for loaded in self.accepted
        )


def lost_and_double(evidence: Evidence, sent: Input) -> list[str]:
    """Every accepted event has exactly one effect in each service that heard it (I1, I4)."""
    inbox = _inbox(evidence, "profile")
    touchpoints = evidence.said[TOUCHPOINTS.name]
    activities = evidence.said[ACTIVITIES.name]
    merges = {id for id, said in activities.items() if id.endswith("-merged")}
    ids = {loaded.id for loaded in sent.accepted}
    scoring = evidence.tables["scoring"]["buckets"]
    times: Counter[str] = Counter()
    money: Counter[str] = Counter()
    for row in scoring:
        if row["kind"].startswith(("ticket.", "outreach.")):
            continue  # ticketing found it; of whom the answers are, `final_states` compares
        times[row["identity"]] += row["times"]
        money[row["identity"]] += row["amount_minor"]
    answers = {event_key(SOURCE, id): id for id in sent.answers}
    heard_by_scoring = (
        _keys("profile", [*activities, *evidence.said[CUSTOMERS.name]])
        | _keys("ticketing", evidence.said[TICKETS.name])
        | answers
    )
    timeline = Counter(
        (row["token"].hex, row["channel"], row["occurred_at"])
        for row in evidence.tables["profile"]["timeline"]
    )
    return [
        *differ("touchpoints", ids, touchpoints),
        *differ("profile's inbox", sent.event_keys, inbox),
        *differ("activities", sent.event_keys, activities.keys() - merges),
        *differ("answers", sent.answers, evidence.said[OUTREACH_RESULTS.name]),
        *differ("scoring's inbox", heard_by_scoring, _inbox(evidence, "scoring")),
        *differ("what scoring counts", sent.answers, _answers(evidence)),
        *_unheard(
            evidence, "engagement", answers | _keys("profile", merges | sent.of_types(CARED_ABOUT))
        ),
        *_unheard(evidence, "ticketing", _keys("profile", merges | sent.of_types(TICKETED))),
        *unequal("scoring's buckets", sent.sums(), {r: (n, money[r]) for r, n in times.items()}),
        *unequal("profile's timeline", sent.timeline(), timeline),
    ]


def answered(evidence: Evidence, sent: Input) -> list[str]:
    """Ingest took every event that came over HTTP, and what it has taken is not lost (I1)."""
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
        *differ("answered", sent.over_http, taken),
        *differ("touchpoints of what was answered", taken, taken & touchpoints.keys()),
        *differ("profile's inbox of what was answered", keys, keys.keys() & inbox),
    ]


def dead_letters(evidence: Evidence, sent: Input) -> list[str]:
    """Poison was put aside with its reason, each record that was sent; nothing else was (I4)."""
    expected = Counter(
        (place, id, sent.refused[id]) for place, id in evidence.raw.items() if id in sent.refused
    )
    found = Counter(
        ((letter.topic, letter.partition, letter.offset), letter.id, letter.reason)
        for letter in evidence.dead_letters.get("ingest", ())
    )
    others = [f"{s}: {found}" for s, found in evidence.dead_letters.items() if s != "ingest"]
    unsent = [f"{id} was not sent" for id in sent.refused.keys() - evidence.raw.values()]
    return [*differ("dead letters", expected, found), *others, *unsent]


_NUMBERED: tuple[tuple[str, tuple[Topic, ...]], ...] = (
    ("customer", (SCORE_CHANGES,)),
    ("case", (CASE_CHANGES,)),
    ("ticket", (TICKET_CHANGES,)),
)
"""Whose changes are numbered, and on which topics; a number is given once, and none is left out."""
_CHAINED = (TIER_CHANGES, TAG_CHANGES, RISK_CHANGES)
"""Each change names the version of the customer's change before it on the topic."""


def order(evidence: Evidence) -> list[str]:
    """Changes are numbered without a gap, and come in order under each key (I2)."""
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
    """Both runs said the same of every steady customer: ids, times and content (I2)."""
    problems: list[str] = []
    for topic in sorted({*evidence.said, *other.said}):
        here, there = (_of(each, topic, sent.steady) for each in (evidence, other))
        problems += unequal(topic, there, here)
    problems += unequal(
        TICKET_DIGESTS.name, _told(other, sent.steady), _told(evidence, sent.steady)
    )
    return problems


def _told(evidence: Evidence, steady: frozenset[str]) -> Counter[tuple[str, str, str]]:
    """What people heard in digests about steady customers: one tells of many, of others, too."""
    return Counter(
        (said.key, digest["due_at"], repr(entry))
        for said in evidence.said[TICKET_DIGESTS.name].values()
        for digest in [said.payload]
        for entry in digest["entries"]
        if evidence.components.get(entry["customer"]) in steady
    )


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


def valkey(evidence: Evidence) -> list[str]:
    """What Valkey keeps is what the databases have: without it, nothing would be different (I8)."""
    known = {
        *_inbox(evidence, "profile"),
        *(event_key(SOURCE, id) for id in evidence.said[OUTREACH_RESULTS.name]),
    }
    return [
        *evidence.stale_cards,
        # what it took for a duplicate though nobody has heard it would be lost
        *(f"taken, says Valkey, and not heard: {key}" for key in sorted(evidence.taken - known)),
    ]


def liveness(evidence: Evidence) -> list[str]:
    """Work fell again soon after each fault; nothing that was said waited for long (I6, I10)."""
    return [
        *(
            f"{strike}: longer than {longest:.0f} s"
            for strike in evidence.strikes
            if strike.recovered_seconds > (longest := LONGEST_RECOVERY_SECONDS[strike.fault.target])
        ),
        *(
            f"{service}: a unit waited for {seconds:.0f} s to be published while all was up"
            for service, seconds in evidence.longest_unpublished.items()
            if seconds > LONGEST_UNPUBLISHED_SECONDS
        ),
    ]


def left_over(evidence: Evidence) -> list[str]:
    """Nothing waits to be published, and no promise that is due has been left (I5, I6)."""
    problems = []
    for service, tables in evidence.tables.items():
        if tables["outbox"]:
            problems.append(f"{service}: {len(tables['outbox'])} units in the outbox")
        due = [row for row in tables["timers"] if row["due_at"] <= evidence.clock]
        problems += [f"{service}: timer {dict(row)} is due" for row in due]
    return problems


def _answers(evidence: Evidence) -> set[str]:
    return {row["event_id"] for row in evidence.tables["scoring"]["answers"]}


def _id(record: Record) -> str:
    return from_headers(record.headers).id


def _unheard(evidence: Evidence, service: str, keys: Mapping[str, str]) -> Iterator[str]:
    """Of these keys, what is not in a service's inbox, which has others, too."""
    return differ(f"{service}'s inbox", keys, keys.keys() & _inbox(evidence, service))


def _inbox(evidence: Evidence, service: str) -> set[str]:
    return {row["event_key"].hex for row in evidence.tables[service]["inbox"]}


def _keys(service: str, ids: Iterable[str]) -> dict[str, str]:
    return {event_key(f"/careline/{service}", id): id for id in ids}
