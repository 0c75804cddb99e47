"""Timers are indexed in the order in which they fire."""

from careline_runtime.tables import index_timers_in_order

revision = "scoring_0012"
down_revision = "scoring_0011"


def upgrade() -> None:
    index_timers_in_order()


def downgrade() -> None:
    """The index serves what came before as well."""
