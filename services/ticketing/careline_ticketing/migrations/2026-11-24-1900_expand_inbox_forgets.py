"""The inbox forgets what no topic can give again."""

from careline_runtime.tables import let_inbox_forget

revision = "ticketing_0002"
down_revision = "ticketing_0001"


def upgrade() -> None:
    let_inbox_forget()


def downgrade() -> None:
    """The index and the default are harmless to what came before."""
