"""When the person of a decision was erased, and the decisions of which nobody was yet."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

UNERASED = sa.text("erased_at_ms IS NULL")


def upgrade() -> None:
    op.add_column("decisions", sa.Column("erased_at_ms", sa.BigInteger(), nullable=True))
    op.create_index("ix_decisions_unerased", "decisions", ["at_ms"], sqlite_where=UNERASED, postgresql_where=UNERASED)
