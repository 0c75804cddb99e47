"""What counts for a case: of all that is known of its customer, what answers it (RET-1).

A customer answers an outreach over whatever channel suits them. What its own channel says of it is
an answer; so is, of what they do after it went out, whatever the outreach's step is `replied_by`.
"""

from collections.abc import Iterator, Sequence

from careline_engagement.model import Case, Fact, Family
from careline_engagement.policy.playbook import Playbook
from careline_engagement.policy.steps import OutreachStep
from careline_engagement.policy.words import CONTRACT, ELSEWHERE


def evidence_for(
    case: Case, playbook: Playbook, facts: Sequence[Fact], family: Family
) -> list[Fact]:
    """Those of the customer's facts that count for a case, in order of instant.

    Strictly after the opening: the event that began the case is not what answers it, nor is what
    another number had done before. An answer to the outreach of another case is that one's.
    """
    asked_by = {contact.request: contact.case for contact in family.contacts}
    asked_by |= {one.id: one.id for one in family.cases}
    counting = [
        fact
        for fact in facts
        if fact.happened_at > case.opened_at
        and asked_by.get(fact.request, case.id) == case.id
        and not _is_of_another_contract(fact, case, playbook)
    ]
    replies = list(_replies(case, playbook, counting))
    return sorted([*counting, *replies]) if replies else counting


def _is_of_another_contract(fact: Fact, case: Case, playbook: Playbook) -> bool:
    """Whether a case is kept for one contract, and this became of another of the same customer."""
    if playbook.again.keyed_by != "contract" or not fact.kind.startswith(CONTRACT):
        return False
    contract, _, _ = fact.detail.rpartition("/")
    return contract != case.key


def _replies(case: Case, playbook: Playbook, facts: Sequence[Fact]) -> Iterator[Fact]:
    """The facts that are a reply to an outreach which had gone out by then; `detail` says which."""
    for name, said in case.steps.items():
        asked = playbook.by_name.get(name)
        if not isinstance(asked, OutreachStep) or said.sent_at is None:
            continue
        for fact in facts:
            if fact.kind in asked.replied_by and fact.happened_at > said.sent_at:
                yield fact._replace(kind=ELSEWHERE, detail=fact.kind)
