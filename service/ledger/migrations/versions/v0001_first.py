"""The first tables, and the triggers that keep the entries as they were written."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "catalogs",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_catalogs")),
        comment="which catalogs were served; their files are var/catalogs/<version>",
    )
    op.create_table(
        "cursors",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("last_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_cursors")),
        comment="how far each stream has been archived: it moves in the transaction that writes what was read",
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="ping, post"),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("catalog", sa.Text(), nullable=False),
        sa.Column("caller_hash", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("ord", sa.Text(), nullable=True, comment="order in which a post asked, csv"),
        sa.PrimaryKeyConstraint("decision_id", "kind", "at_ms", name=op.f("pk_decisions")),
        comment="what was decided on pings and posts, kept for decisions_days",
    )
    op.create_index(op.f("ix_decisions_at_ms"), "decisions", ["at_ms"], unique=False)
    op.create_index(op.f("ix_decisions_caller_hash"), "decisions", ["caller_hash"], unique=False)
    op.create_table(
        "declines",
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("buyer_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False, comment="number of service.model.decline"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "hour_ms", "endpoint", "source_id", "buyer_id", "contract", "reason", name=op.f("pk_declines")
        ),
        comment="candidates of pings that were declined, by reason",
    )
    op.create_table(
        "interest",
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("buyer_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("candidates", sa.BigInteger(), nullable=False),
        sa.Column("bids", sa.BigInteger(), nullable=False),
        sa.Column("bid_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour_ms", "endpoint", "source_id", "buyer_id", "contract", name=op.f("pk_interest")),
        comment="how often a contract was a candidate of a ping, bid, and what its bids sum to",
    )
    op.create_table(
        "refused",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "entry_id", name=op.f("pk_refused")),
        comment="entries that could not be understood: kept here whole, for the stream is trimmed",
    )
    op.create_table(
        "sales",
        sa.Column("sale_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("buyer_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("bid_micros", sa.BigInteger(), nullable=False),
        sa.Column("payout_micros", sa.BigInteger(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("catalog", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, sold, void, lapsed, returned"),
        sa.Column("posted_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=True, comment="post, connected, converted, reported"),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column(
            "positions",
            sa.Text(),
            nullable=False,
            comment="places in the record that had it, in order, csv: the last has it",
        ),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("call", sa.Text(), nullable=True),
        sa.Column("call_outcome", sa.Text(), nullable=True),
        sa.Column("call_answered", sa.Boolean(), nullable=True),
        sa.Column("call_duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("converted_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("returned_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sale_id", name=op.f("pk_sales")),
        comment="one row a sale, as it stands now",
    )
    op.create_index(op.f("ix_sales_buyer_id_posted_at_ms"), "sales", ["buyer_id", "posted_at_ms"], unique=False)
    op.create_index(op.f("ix_sales_decision_id"), "sales", ["decision_id"], unique=False)
    op.create_index(op.f("ix_sales_posted_at_ms"), "sales", ["posted_at_ms"], unique=False)
    op.create_index(op.f("ix_sales_source_id_posted_at_ms"), "sales", ["source_id", "posted_at_ms"], unique=False)
    op.create_table(
        "volume",
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("pings", sa.BigInteger(), nullable=False),
        sa.Column("pings_offered", sa.BigInteger(), nullable=False),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.Column("posts_sold", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour_ms", "endpoint", "source_id", name=op.f("pk_volume")),
        comment="pings and posts an hour, counted when they are archived",
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "account", sa.Text(), nullable=False, comment="buyer:<id>, publisher:<source>, margin, cash, corrections"
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="sale, move, void, return, top_up, correction"),
        sa.Column("sale_id", sa.Text(), nullable=True),
        sa.Column("buyer_id", sa.BigInteger(), nullable=True),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sale_id"], ["sales.sale_id"], name=op.f("fk_entries_sale_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("key", "account", name=op.f("uq_entries_key_account")),
        comment="double entry: amounts of one key sum to 0; triggers refuse any change",
    )
    op.create_index(op.f("ix_entries_at_ms"), "entries", ["at_ms"], unique=False)
    op.create_index(op.f("ix_entries_buyer_id_at_ms"), "entries", ["buyer_id", "at_ms"], unique=False)
    op.create_index(op.f("ix_entries_sale_id"), "entries", ["sale_id"], unique=False)
    _refuse_changes(op.get_bind().dialect.name)


def _refuse_changes(dialect: str) -> None:
    if dialect == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER entries_refuse_{change.lower()} BEFORE {change} ON entries "
                "BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'entries are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER entries_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()"
    )
