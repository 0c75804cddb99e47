"""What profile does with touchpoints: finds whose they are, and says so."""

from collections.abc import Sequence

from careline_contracts.events.ingest import Touchpoint
from careline_profile import metrics, rules, store
from careline_profile.announcements import announce
from careline_profile.model import Evidence, LinkRules, Ref
from careline_profile.store import Effects
from careline_runtime.batch import Heard
from careline_runtime.unit_of_work import Unit


async def attach_touchpoints(unit: Unit, heard: Sequence[Heard], *, link_rules: LinkRules) -> None:
    """Attaches each touchpoint to its customer, event by event, in order."""
    touchpoints = _with_identity(unit, heard, link_rules)
    witnesses = store.gather((item.envelope, refs) for item, _, refs in touchpoints)
    news = await store.find_news(unit.connection, witnesses)
    graph = await store.load(
        unit.connection, [refs for _, _, refs in touchpoints], news, link_rules
    )
    effects = Effects(news.witnesses)
    for item, touchpoint, refs in touchpoints:
        cause = item.envelope
        attachment = rules.attach(
            refs,
            graph,
            link_rules,
            evidence=Evidence(cause.occurred_at, cause.event_key),
            at=cause.recorded_at,
        )
        effects.add(cause, touchpoint, attachment)
        announce(unit, attachment, graph, touchpoint, cause)
    await store.save(unit.connection, effects, graph)
    unit.after_commit(lambda: metrics.count(change for change, _ in effects.changes))


def _with_identity(
    unit: Unit, heard: Sequence[Heard], link_rules: LinkRules
) -> list[tuple[Heard, Touchpoint, tuple[Ref, ...]]]:
    """Those that can be attached; the others are refused."""
    result = []
    for item in heard:
        touchpoint = item.payload
        assert isinstance(touchpoint, Touchpoint)
        refs = rules.usable([identity.ref for identity in touchpoint.identities], link_rules)
        if refs:
            result.append((item, touchpoint, refs))
        else:
            kinds = ", ".join(sorted({identity.kind for identity in touchpoint.identities}))
            detail = f"every identity is a blocked placeholder: {kinds}"
            unit.refuse(item.record, "missing_identity", detail)
    return result
