"""What engagement says about a case: to other services, to channels, to people.

Ids are made of the case's id and its version or step, so every replay says the same under the same
names. Of a case that is held out nothing is said: nobody may treat it as a case.
"""

from collections.abc import Callable
from datetime import datetime

from careline_contracts.envelope import Envelope
from careline_contracts.events.engagement import (
    CaseClosed,
    CaseHandedOver,
    CaseOpened,
    CaseRevised,
    CaseState,
    CaseStepBreached,
    CaseStepDone,
    OfferHeld,
    OfferRefused,
    OutreachHeld,
    OutreachRequested,
    OutreachSuppressed,
    ReminderRaised,
)
from careline_contracts.payload import Payload
from careline_contracts.topics import (
    CASE_CHANGES,
    CASES,
    OUTREACH_BY_CHANNEL,
    OUTREACH_REQUESTS,
    REMINDERS,
    Topic,
)
from careline_engagement import metrics
from careline_engagement.context import Context
from careline_engagement.model import Case
from careline_engagement.policy import Playbook
from careline_engagement.policy.steps import Assign, Escalate, Obligation, OutreachStep, Task
from careline_engagement.rules import News
from careline_runtime.unit_of_work import Unit

SHOWN = ("due_at", "done_at", "breached_at", "sent_at")
"""What others see of a step."""
_OFFER_HELD = {
    "needs_approval": "报价 {amount} 需要审批 / an offer of {amount} needs approval",
    "above_limit": "报价 {amount} 超出上限 / an offer of {amount} is above the limit",
}
_OFFER_REFUSED = (
    "报价 {amount} 未获批准,可另提方案 / an offer of {amount} was not approved, another may be made"
)


AsksContext = Callable[[], Context]
"""Most moves are said without it, and it takes as long as saying them."""


def announce(unit: Unit, news: News, playbook: Playbook, context: AsksContext) -> None:
    """Says one move of a case."""
    match news.move.kind:
        case "opened":
            _say(unit, CASE_CHANGES, CaseOpened(**_change(news), reasons=news.case.reasons), news)
        case "begun":
            _begun(unit, news, playbook, context)
        case "sent":
            _sent(unit, news, playbook, context)
        case "held":
            _held(unit, news)
        case "suppressed":
            _suppressed(unit, news)
        case "offer_held":
            _offer_held(unit, news, context)
        case "offer_refused":
            _offer_refused(unit, news, context)
        case "done":
            _done(unit, news)
        case "breached":
            _breached(unit, news, playbook, context)
        case "handed_over":
            _handed_over(unit, news, playbook, context)
        case "closed":
            _closed(unit, news)
        case "revised":
            revised = CaseRevised(**_change(news), since=news.move.until, reason="split")
            _say(unit, CASE_CHANGES, revised, news)


def announce_state(unit: Unit, news: News) -> None:
    """Says how a case is after the last of its moves at one instant."""
    case = news.case
    id = f"{case.id}-{case.revision}-state"
    _say(unit, CASES, state_of(case, news.holder), news, key=case.id, id=id)


def state_of(case: Case, holder: str) -> CaseState:
    """A case as others see it: steps that ask for something, without waits and branches."""
    return CaseState(
        case=case.id,
        customer=holder,
        version=case.version,
        status=case.status,
        reasons=case.reasons,
        opened_at=case.opened_at,
        steps={
            name: {field: at for field in SHOWN if (at := getattr(step, field)) is not None}
            for name, step in case.steps.items()
            if step.due_at is not None
        },
        closed_at=case.closed_at,
        policy_version=case.policy_version,
        playbook=case.playbook,
        owner=case.owner or None,
    )


def _begun(unit: Unit, news: News, playbook: Playbook, context: AsksContext) -> None:
    match playbook.by_name.get(news.move.subject):
        case Assign(to=to):
            tier, reasons = news.case.tier, "; ".join(news.case.reasons)
            why = f"{tier} 客户 / a {tier} customer: {reasons}"
        case Task(to=to, what=why) | Escalate(to=to, reason=why):
            pass
        case _:
            return
    due_at, besides = news.case.steps[news.move.subject].due_at, context()
    reminder = ReminderRaised(
        customer=news.holder,
        to=to,
        about=f"case {news.case.id}",
        reason=why,
        due_at=due_at,
        owner=besides.manager if to == "account_manager" else None,
        script=besides.script,
        language=besides.words.language if besides.words else None,
        body=besides.words.body if besides.words else None,
        handling=besides.handling,
    )
    _say(unit, REMINDERS, reminder, news, id=f"{news.case.id}-{news.move.subject}-reminder")


def _sent(unit: Unit, news: News, playbook: Playbook, context: AsksContext) -> None:
    besides, case, name = context(), news.case, news.move.subject
    step = playbook.by_name[name]
    assert isinstance(step, OutreachStep) and news.move.until is not None
    request = OutreachRequested(
        customer=news.holder,
        case=case.id,
        purpose=playbook.purpose,
        channel=news.move.detail,
        script=step.script,
        due_at=news.move.until,
        policy_version=case.policy_version,
        playbook=case.playbook,
        step=name,
        expires_at=news.move.until,
        language=besides.words.language if besides.words else None,
        subject=besides.words.subject if besides.words else None,
        body=besides.words.body if besides.words else None,
        handling=besides.handling,
    )
    for topic in (OUTREACH_REQUESTS, OUTREACH_BY_CHANNEL[request.channel]):
        _say(unit, topic, request, news, id=f"{case.id}-{name}")
    _count_contact(unit, news, "sent", "")


def _held(unit: Unit, news: News) -> None:
    move = news.move
    held = OutreachHeld(**_change(news), step=move.subject, reason=move.detail, until=move.until)
    _say(unit, CASE_CHANGES, held, news)
    _count_contact(unit, news, "held", move.detail)


def _suppressed(unit: Unit, news: News) -> None:
    move = news.move
    suppressed = OutreachSuppressed(
        **_change(news), step=move.subject, reason=move.detail, earliest_at=move.until
    )
    _say(unit, CASE_CHANGES, suppressed, news)
    _count_contact(unit, news, "suppressed", move.detail)


def _offer_held(unit: Unit, news: News, context: AsksContext) -> None:
    reason, amount = news.move.detail.split()
    held = OfferHeld(
        **_change(news), step=news.move.subject, amount_minor=int(amount), reason=reason
    )
    _say(unit, CASE_CHANGES, held, news)
    besides = context()
    words = _OFFER_HELD[reason].format(amount=besides.money.written(int(amount)))
    _remind(unit, news, besides, "supervisor", words)


def _offer_refused(unit: Unit, news: News, context: AsksContext) -> None:
    amount, besides = int(news.move.detail.split()[1]), context()
    refused = OfferRefused(**_change(news), step=news.move.subject, amount_minor=amount)
    _say(unit, CASE_CHANGES, refused, news)
    words = _OFFER_REFUSED.format(amount=besides.money.written(amount))
    _remind(unit, news, besides, "account_manager", words, owner=besides.manager)


def _done(unit: Unit, news: News) -> None:
    step = news.move.subject
    done = CaseStepDone(**_change(news), step=step, detail=news.move.detail or None)
    _say(unit, CASE_CHANGES, done, news)
    playbook, took = news.case.playbook, news.move.at - news.case.opened_at
    verdict = "late" if news.case.steps[step].breached_at else "done"

    def count() -> None:
        metrics.case_steps.labels(playbook, step, verdict).inc()
        metrics.case_step_seconds.labels(playbook, step).observe(took.total_seconds())

    unit.after_commit(count)


def _breached(unit: Unit, news: News, playbook: Playbook, context: AsksContext) -> None:
    name = news.move.subject
    breached = CaseStepBreached(**_change(news), step=name, due_at=news.move.at)
    _say(unit, CASE_CHANGES, breached, news)
    step = playbook.by_name[name]
    assert isinstance(step, Obligation)
    reason = f"步骤 {name} 未按时完成 / step {name} was not done by its deadline"
    besides = context()
    _remind(unit, news, besides, step.missed, reason, owner=besides.manager)
    unit.after_commit(lambda: metrics.case_steps.labels(news.case.playbook, name, "breached").inc())


def _handed_over(unit: Unit, news: News, playbook: Playbook, context: AsksContext) -> None:
    """Whoever has the work now hears of what is open, with the deadline that it had."""
    reason, _, before = news.move.detail.partition(" ")
    owner = news.case.owner or None
    handed_over = CaseHandedOver(
        **_change(news), from_owner=before or None, to_owner=owner, reason=reason
    )
    _say(unit, CASE_CHANGES, handed_over, news)
    if tasks := _open_tasks(news.case, playbook):
        tasks_said = "; ".join(tasks.values())
        why = (
            f"接手自 {before or '—'} / taken over from {before or 'nobody'}, {reason}: {tasks_said}"
        )
        due_at = min(step.due_at for name in tasks if (step := news.case.steps[name]).due_at)
        _remind(unit, news, context(), "account_manager", why, owner=owner, due_at=due_at)
    unit.after_commit(lambda: metrics.handovers.labels(news.case.playbook, reason).inc())


def _open_tasks(case: Case, playbook: Playbook) -> dict[str, str]:
    """What the account manager still has to do, by step."""
    return {
        step.step: step.what if isinstance(step, Task) else f"负责个案 / lead case {case.id}"
        for step in playbook.steps
        if isinstance(step, Task | Assign)
        and step.to == "account_manager"
        and (begun := case.steps.get(step.step))
        and not begun.done_at
    }


def _closed(unit: Unit, news: News) -> None:
    case = news.case
    closed = CaseClosed(**_change(news), status=case.status, reason=case.closed_reason)
    _say(unit, CASE_CHANGES, closed, news)
    unit.after_commit(lambda: metrics.cases_closed.labels(case.playbook, case.status).inc())


def _remind(
    unit: Unit,
    news: News,
    context: Context,
    to: str,
    reason: str,
    *,
    owner: str | None = None,
    due_at: datetime | None = None,
) -> None:
    reminder = ReminderRaised(
        customer=news.holder,
        to=to,
        about=f"case {news.case.id}",
        reason=reason,
        due_at=due_at,
        owner=owner if to == "account_manager" else None,
        handling=context.handling,
    )
    _say(unit, REMINDERS, reminder, news, suffix="-reminder")


def _count_contact(unit: Unit, news: News, verdict: str, reason: str) -> None:
    playbook = news.case.playbook
    unit.after_commit(lambda: metrics.contacts.labels(playbook, verdict, reason).inc())


def _change(news: News) -> dict[str, object]:
    return {
        "case": news.case.id,
        "customer": news.holder,
        "version": news.case.version,
        "as_of": news.move.at,
        "policy_version": news.case.policy_version,
        "playbook": news.case.playbook,
    }


def _say(
    unit: Unit,
    topic: Topic,
    payload: Payload,
    news: News,
    *,
    key: str | None = None,
    id: str | None = None,
    suffix: str = "",
) -> None:
    at = news.move.at
    unit.say(
        topic,
        payload,
        key=key or news.holder,
        id=id or f"{news.case.id}-{news.case.version}{suffix}",
        recorded_at=at,
        # a case stays in the trace of the event that opened it, whatever moves it later
        cause=Envelope(news.move.event_id, "", "", at, at, traceparent=news.case.traceparent),
        subject=news.case.id,
    )
