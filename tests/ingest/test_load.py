"""The edge judges each record of the verifiable load as the load says it must."""

from collections import Counter

from careline_ingest.cloudevents import from_record
from careline_ingest.edge import Edge
from careline_ingest.rules import Rejected
from tests.journeys.faults.load import ACCEPTED, DUPLICATE, POISONS, Load, records


def test_every_record_is_judged_as_the_load_expects(edge: Edge) -> None:
    verdicts: Counter[str] = Counter()
    for loaded in records(Load(events=3_000, customers=300, seed=11, poison_share=0.01)):
        verdict = edge.judge(from_record(loaded.record.headers, loaded.record.value))
        expected = ACCEPTED if loaded.expected == DUPLICATE else loaded.expected
        assert (verdict.code if isinstance(verdict, Rejected) else ACCEPTED) == expected
        verdicts[expected] += 1

    assert verdicts[ACCEPTED] > 3_000
    assert set(verdicts) == {ACCEPTED, *(code for code, _ in POISONS)}
