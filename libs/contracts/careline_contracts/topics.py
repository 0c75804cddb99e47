"""The topic catalogue: every topic's owner, key, retention, readers and what may be said on it."""

from typing import get_args

from careline_contracts.events import engagement, operations, profile, scoring, ticketing
from careline_contracts.events.ingest import (
    ChannelDrifting,
    ChannelRecovered,
    ChannelSilent,
    Touchpoint,
)
from careline_contracts.events.touchpoints import (
    CHANNEL_EVENTS,
    AnyChannelEvent,
    Channel,
    ContactChannel,
    OutreachAnswered,
)
from careline_contracts.topic import Topic as Topic

SERVICES = ("ingest", "profile", "scoring", "engagement", "ticketing")
WITH_DATABASE = ("profile", "scoring", "engagement", "ticketing")
"""All but the edge: docs/decisions/0003-ingest-without-a-database.md."""

RAW = {
    channel: Topic(
        name=f"careline.raw.{channel}.v1",
        owner="channels",
        key="as the channel likes; the same identity, to keep its events in order",
        says=(
            *(
                event
                for event in CHANNEL_EVENTS
                if event.channel == channel or issubclass(event, AnyChannelEvent)
            ),
            OutreachAnswered,
        ),
        readers=("ingest",),
        retention_days=7,
        max_message_bytes=1024 * 1024,
        personal="clear",
    )
    for channel in get_args(Channel)
}
TOUCHPOINTS = Topic(
    "careline.touchpoints.v1",
    "ingest",
    (Touchpoint,),
    ("profile",),
    key="first identity",
    personal="sealed",
)
OUTREACH_RESULTS = Topic(
    "careline.outreach-results.v1", "ingest", (OutreachAnswered,), ("scoring", "engagement")
)
CHANNEL_HEALTH = Topic(
    "careline.channel-health.v1",
    "ingest",
    (ChannelSilent, ChannelDrifting, ChannelRecovered),
    key="source",
    partitions=1,
    personal="none",
)
ACTIVITIES = Topic(
    "careline.activities.v1",
    "profile",
    (profile.Activity, profile.CustomersMerged, profile.CustomersSplit, profile.CustomerErased),
    ("scoring", "engagement", "ticketing"),
)
CUSTOMERS = Topic(
    "careline.customers.v1",
    "profile",
    (profile.CustomerState,),
    ("scoring", "engagement", "ticketing"),
    kind="state",
)
CUSTOMER_CHANGES = Topic(
    "careline.customer-changes.v1",
    "profile",
    (
        profile.CustomerCreated,
        profile.IdentityLinked,
        profile.CustomersMerged,
        profile.CustomerAbsorbed,
        profile.CustomersSplit,
        profile.MergeRefused,
        profile.RecordFieldsChanged,
        profile.RecordReviewRequested,
        profile.RecordReviewed,
        profile.LinkJudged,
        profile.CustomerErased,
    ),
)
ERASURES = Topic(
    "careline.erasures.v1",
    "profile",
    (profile.ErasureOrdered,),
    ("profile",),
    kind="state",
    partitions=1,
)
ERASURE_ANSWERS = Topic(
    "careline.erasure-answers.v1",
    "every service",
    (profile.ErasureAnswered,),
    ("profile",),
    partitions=1,
)
AUDIT = Topic(
    "careline.audit.v1",
    "profile",
    (profile.AuditExtended,),
    ("operations",),
    key="none",
    partitions=1,
    # as long as the longest term in which somebody may ask who saw their data
    retention_days=3_650,
    personal="none",
)
WITHDRAWALS = Topic(
    "careline.withdrawals.v1",
    "profile",
    (profile.AccessWithdrawn,),
    SERVICES,
    key="subject",
    kind="state",
    partitions=1,
    # of the staff, by the names that tokens give them
    personal="none",
)
SCORES = Topic("careline.scores.v1", "scoring", (scoring.ScoreUpdated,), kind="state")
SCORE_CHANGES = Topic(
    "careline.score-changes.v1", "scoring", (scoring.VerdictsChanged,), ("engagement",)
)
TIER_CHANGES = Topic("careline.tier-changes.v1", "scoring", (scoring.TierChanged,), ("ticketing",))
TAG_CHANGES = Topic("careline.tag-changes.v1", "scoring", (scoring.TagsChanged,))
RISK_CHANGES = Topic("careline.risk-changes.v1", "scoring", (scoring.RiskChanged,))
OUTREACH_REQUESTS = Topic(
    "careline.outreach-requests.v1", "engagement", (engagement.OutreachRequested,), ("channels",)
)
OUTREACH_BY_CHANNEL = {
    channel: Topic(
        name=f"careline.outreach-requests.{channel}.v1",
        owner="engagement",
        says=(engagement.OutreachRequested,),
        readers=("channels",),
        # one channel system each: its own throttle is narrower than one partition
        partitions=1,
    )
    for channel in get_args(ContactChannel)
}
"""The same requests, each for the channel system that delivers it: docs/decisions/0024."""
CASES = Topic("careline.cases.v1", "engagement", (engagement.CaseState,), key="case", kind="state")
CASE_CHANGES = Topic(
    "careline.case-changes.v1",
    "engagement",
    (
        engagement.CaseOpened,
        engagement.CaseStepDone,
        engagement.CaseStepBreached,
        engagement.OutreachHeld,
        engagement.OutreachSuppressed,
        engagement.OfferHeld,
        engagement.OfferRefused,
        engagement.CaseHandedOver,
        engagement.CaseClosed,
        engagement.CaseRevised,
    ),
)
REMINDERS = Topic(
    "careline.reminders.v1", "engagement", (engagement.ReminderRaised, engagement.ContactMissed)
)
FOLLOW_UPS = Topic(
    "careline.follow-ups.v1",
    "engagement",
    (engagement.FollowUpRecorded, engagement.OfferDecided),
    ("engagement",),
)
ABSENCES = Topic(
    "careline.absences.v1",
    "engagement",
    (engagement.AbsenceNoted,),
    ("engagement",),
    key="owner",
    partitions=1,
    personal="none",
)
TICKETS = Topic(
    "careline.tickets.v1",
    "ticketing",
    (ticketing.TicketState,),
    ("scoring",),
    key="ticket",
    kind="state",
)
TICKET_CHANGES = Topic(
    "careline.ticket-changes.v1",
    "ticketing",
    (
        ticketing.TicketOpened,
        ticketing.TicketJoined,
        ticketing.TicketReplied,
        ticketing.TicketResponded,
        ticketing.TicketFixed,
        ticketing.TicketPaused,
        ticketing.TicketResumed,
        ticketing.TicketAssigned,
        ticketing.TicketUnassignable,
        ticketing.TicketPrioritised,
        ticketing.TicketNoted,
        ticketing.TicketLinked,
        ticketing.TicketWarned,
        ticketing.TicketBreached,
        ticketing.TicketEscalated,
        ticketing.TicketResolved,
        ticketing.TicketClosed,
        ticketing.TicketRated,
        ticketing.TicketReopened,
        ticketing.TicketMerged,
        ticketing.TicketMoved,
        ticketing.TicketCorrected,
    ),
    ("engagement",),
)
AGENTS = Topic(
    "careline.agents.v1",
    "ticketing",
    (ticketing.AgentState,),
    ("ticketing",),
    key="agent",
    kind="state",
    partitions=1,
    personal="none",
)
CRISES = Topic(
    "careline.crises.v1",
    "ticketing",
    (ticketing.CrisisState,),
    key="crisis",
    kind="state",
    personal="none",
)
CRISIS_CHANGES = Topic(
    "careline.crisis-changes.v1",
    "ticketing",
    (
        ticketing.CrisisOpened,
        ticketing.CrisisGrown,
        ticketing.CrisisClosed,
        ticketing.MassNoticeRequested,
    ),
    ("channels",),
    key="crisis",
)
TICKET_ACTIONS = Topic(
    "careline.ticket-actions.v1", "ticketing", (ticketing.TicketActed,), ("ticketing",)
)
TICKET_DIGESTS = Topic(
    "careline.ticket-digests.v1",
    "ticketing",
    (ticketing.TicketDigestRaised,),
    ("channels",),
    key="person",
)
POLICIES = Topic(
    "careline.policies.v1",
    "operations",
    (operations.PolicyPublished,),
    WITH_DATABASE,
    key="service and instant: `scoring/2026-11-24T08:00:00Z`",
    kind="state",
    partitions=1,
    personal="none",
)
CHANNELS = Topic(
    "careline.channels.v1",
    "operations",
    (operations.ChannelRegistered,),
    ("ingest",),
    key="channel system",
    kind="state",
    partitions=1,
    personal="none",
)
CLOCK = Topic(
    "careline.clock.v1",
    "operations",
    (operations.ClockTicked,),
    SERVICES,
    key="none",
    partitions=1,
    personal="none",
)
DEAD_LETTERS = {
    service: Topic(
        name=f"careline.{service}.dead-letters.v1",
        owner=service,
        key="none" if service == "ingest" else "as the original",
        kind="dead-letters",
        says=(),
        readers=("operations",),
        partitions=1,
        # The original bytes travel along; ingest's may hold identities in clear, and seals them.
        personal="sealed",
    )
    for service in SERVICES
}

CATALOGUE: tuple[Topic, ...] = (
    *RAW.values(),
    TOUCHPOINTS,
    OUTREACH_RESULTS,
    CHANNEL_HEALTH,
    ACTIVITIES,
    CUSTOMERS,
    CUSTOMER_CHANGES,
    ERASURES,
    ERASURE_ANSWERS,
    AUDIT,
    WITHDRAWALS,
    SCORES,
    SCORE_CHANGES,
    TIER_CHANGES,
    TAG_CHANGES,
    RISK_CHANGES,
    OUTREACH_REQUESTS,
    *OUTREACH_BY_CHANNEL.values(),
    CASES,
    CASE_CHANGES,
    REMINDERS,
    FOLLOW_UPS,
    ABSENCES,
    TICKETS,
    TICKET_CHANGES,
    TICKET_ACTIONS,
    TICKET_DIGESTS,
    AGENTS,
    CRISES,
    CRISIS_CHANGES,
    POLICIES,
    CHANNELS,
    CLOCK,
    *DEAD_LETTERS.values(),
)
"""Every topic there is; nothing is published elsewhere."""
