"""What the policy decides about a customer: pure functions of facts, policy and a day."""

from careline_scoring.rules.decision import Rulebook, as_points

__all__ = ["Rulebook", "as_points"]
