"""What a candidate policy would have decided about everybody, compared with the policy in force.

Both decide by the rules themselves, customer by customer, in one process a core: a second set of
rules, vectorised, would have to be kept equal to the first for ever. See the decision record
0013-the-back-test-runs-the-rules.
"""

from careline_scoring.backtest.comparison import SIDES, Comparison
from careline_scoring.backtest.course import Entry, Playbook
from careline_scoring.backtest.running import Question, newest_decision, run

__all__ = ["SIDES", "Comparison", "Entry", "Playbook", "Question", "newest_decision", "run"]
