"""One look at when a contact is due for all playbooks, instead of an entry for each."""

from alembic import op

revision = "engagement_0009"
down_revision = "engagement_0008"


def upgrade() -> None:
    op.execute("""
        INSERT INTO entries (number, playbook, name, at, trigger, version, reasons, event_id)
        SELECT DISTINCT number, '', name, at, trigger, version, reasons, event_id FROM entries
        WHERE trigger = 'moment/contact_due' AND outcome IS NULL
    """)
    op.execute("""
        DELETE FROM entries
        WHERE trigger = 'moment/contact_due' AND outcome IS NULL AND playbook <> ''
    """)


def downgrade() -> None:
    """An entry of no playbook is dropped when its time comes."""
