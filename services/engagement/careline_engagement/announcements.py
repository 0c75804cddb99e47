"""What engagement says about a case: to other services, to channels, to supervisors.

Ids are made of the case's id and version, so every replay says the same under the same names.
"""

from careline_contracts.envelope import Envelope
from careline_contracts.events.engagement import (
    CaseClosed,
    CaseOpened,
    CaseState,
    CaseStepBreached,
    CaseStepDone,
    OutreachRequested,
    ReminderRaised,
)
from careline_contracts.payload import Payload
from careline_contracts.topics import CASE_CHANGES, CASES, OUTREACH_REQUESTS, REMINDERS, Topic
from careline_engagement import metrics
from careline_engagement.model import Case
from careline_engagement.policy import EngagementPolicy
from careline_engagement.rules import News
from careline_runtime.unit_of_work import Unit


def announce(unit: Unit, news: News, policy: EngagementPolicy) -> None:
    """Says one move of a case."""
    match news.move.kind:
        case "opened":
            _opened(unit, news, policy)
        case "done":
            _done(unit, news)
        case "breached":
            _breached(unit, news)
        case "closed":
            _closed(unit, news)


def state_of(case: Case, holder: str) -> CaseState:
    """A case as others see it."""
    return CaseState(
        case=case.id,
        customer=holder,
        version=case.version,
        status=case.status,
        reasons=case.reasons,
        opened_at=case.opened_at,
        steps={
            name: {
                "due_at": step.due_at,
                **({"done_at": step.done_at} if step.done_at else {}),
                **({"breached_at": step.breached_at} if step.breached_at else {}),
            }
            for name, step in case.steps.items()
        },
        closed_at=case.closed_at,
        policy_version=case.policy_version,
    )


def announce_state(unit: Unit, news: News) -> None:
    """Says how a case is after the last of its moves at one instant."""
    _say(unit, CASES, state_of(news.case, news.holder), news, key=news.case.id, suffix="-state")


def _opened(unit: Unit, news: News, policy: EngagementPolicy) -> None:
    case = news.case
    _say(unit, CASE_CHANGES, CaseOpened(**_change(news), reasons=case.reasons), news)
    outreach = policy.retention.outreach
    request = OutreachRequested(
        customer=news.holder,
        case=case.id,
        purpose=outreach.purpose,
        channel=outreach.channel[case.tier],
        script=outreach.script,
        due_at=case.steps["contact"].due_at,
        policy_version=case.policy_version,
    )
    _say(unit, OUTREACH_REQUESTS, request, news, suffix="-outreach")
    why = f"a {case.tier} customer may leave: {'; '.join(case.reasons)}"
    _remind_supervisor(unit, news, why, due=True)


def _done(unit: Unit, news: News) -> None:
    step = news.move.subject
    done = CaseStepDone(**_change(news), step=step, detail=news.move.detail or None)
    _say(unit, CASE_CHANGES, done, news)
    unit.after_commit(lambda: metrics.case_steps.labels(step, "done").inc())


def _breached(unit: Unit, news: News) -> None:
    step = news.move.subject
    due_at = news.move.at
    breached = CaseStepBreached(**_change(news), step=step, due_at=due_at)
    _say(unit, CASE_CHANGES, breached, news)
    _remind_supervisor(unit, news, f"step {step} was not done by its deadline", due=False)
    unit.after_commit(lambda: metrics.case_steps.labels(step, "breached").inc())


def _closed(unit: Unit, news: News) -> None:
    status = news.case.status
    closed = CaseClosed(**_change(news), status=status, reason=news.case.closed_reason)
    _say(unit, CASE_CHANGES, closed, news)
    unit.after_commit(lambda: metrics.cases_closed.labels(status).inc())


def _remind_supervisor(unit: Unit, news: News, reason: str, *, due: bool) -> None:
    reminder = ReminderRaised(
        customer=news.holder,
        to="supervisor",
        about=f"case {news.case.id}",
        reason=reason,
        due_at=news.case.steps["supervisor"].due_at if due else None,
    )
    _say(unit, REMINDERS, reminder, news, suffix="-reminder")


def _change(news: News) -> dict[str, object]:
    return {
        "case": news.case.id,
        "customer": news.holder,
        "version": news.case.version,
        "as_of": news.move.at,
        "policy_version": news.case.policy_version,
    }


def _say(
    unit: Unit,
    topic: Topic,
    payload: Payload,
    news: News,
    *,
    key: str | None = None,
    suffix: str = "",
) -> None:
    at = news.move.at
    unit.say(
        topic,
        payload,
        key=key or news.holder,
        id=f"{news.case.id}-{news.case.version}{suffix}",
        recorded_at=at,
        # a case stays in the trace of the warning that opened it, whatever moves it later
        cause=Envelope(news.move.event_id, "", "", at, at, traceparent=news.case.traceparent),
        subject=news.case.id,
    )
