"""Names of erased customers stay behind, so that nothing brings them back."""

from careline_runtime.tables import remember_erased

revision = "scoring_0006"
down_revision = "scoring_0005"


def upgrade() -> None:
    remember_erased()


def downgrade() -> None:
    """The names stay: going back a release must not bring anybody back."""
