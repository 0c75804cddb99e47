"""Which policy may follow another while facts are kept."""

from careline_scoring.policy import ScoringPolicy


def forbids(former: ScoringPolicy, candidate: ScoringPolicy) -> str:
    """Why `candidate` can't be published after `former`, in words; empty if it can."""
    if candidate.time_zone != former.time_zone:
        return (
            f"time_zone: facts are kept by the day of {former.time_zone}, and can't be moved to "
            f"days of {candidate.time_zone}"
        )
    return ""
