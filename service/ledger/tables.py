"""Every table of the ledger. Nobody else names one.

Money is BIGINT micros, times are BIGINT ms of UTC. What migrations make is this, held by a test.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


cursors = Table(
    "cursors",
    METADATA,
    Column("stream", Text, primary_key=True),
    _text("last_id"),
    comment="how far each stream has been archived: it moves in the transaction that writes what was read",
)

sales = Table(
    "sales",
    METADATA,
    Column("sale_id", Text, primary_key=True),
    _text("decision_id"),
    _text("offer"),
    _text("endpoint"),
    _text("source_id"),
    _whole("buyer_id"),
    _text("contract"),
    _whole("bid_micros"),
    _whole("payout_micros"),
    Column("is_default", Boolean, nullable=False),
    Column("mode", Text),
    _text("catalog"),
    _text("request_id"),
    Column("state", Text, nullable=False, comment="pending, sold, void, lapsed, returned"),
    _whole("posted_at_ms"),
    Column("made_at_ms", BigInteger),
    Column("made_by", Text, comment="post, connected, converted, reported"),
    _text("number"),
    Column(
        "positions", Text, nullable=False, comment="places in the record that had it, in order, csv: the last has it"
    ),
    Column("moves", Integer, nullable=False),
    Column("call", Text),
    Column("call_outcome", Text),
    Column("call_answered", Boolean),
    Column("call_duration_ms", BigInteger),
    Column("converted_at_ms", BigInteger),
    Column("returned_at_ms", BigInteger),
    Column("return_reason", Text),
    Index(None, "decision_id"),
    Index(None, "posted_at_ms"),
    Index(None, "buyer_id", "posted_at_ms"),
    Index(None, "source_id", "posted_at_ms"),
    comment="one row a sale, as it stands now",
)

entries = Table(
    "entries",
    METADATA,
    # SQLite counts by itself only what it calls INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    _text("key"),
    Column("account", Text, nullable=False, comment="buyer:<id>, publisher:<source>, margin, cash, corrections"),
    _whole("at_ms"),
    _whole("amount_micros"),
    Column("kind", Text, nullable=False, comment="sale, move, void, return, top_up, correction"),
    Column("sale_id", Text, ForeignKey("sales.sale_id")),
    Column("buyer_id", BigInteger),
    Column("source_id", Text),
    Column("reason", Text),
    UniqueConstraint("key", "account"),
    Index(None, "sale_id"),
    Index(None, "buyer_id", "at_ms"),
    Index(None, "at_ms"),
    comment="double entry: amounts of one key sum to 0; triggers refuse any change",
)

decisions = Table(
    "decisions",
    METADATA,
    _text("decision_id"),
    Column("kind", Text, nullable=False, comment="ping, post"),
    _whole("at_ms"),
    _text("endpoint"),
    _text("source_id"),
    _text("catalog"),
    Column("caller_hash", Text),
    Column("status", Text),
    _text("said"),
    _text("record"),
    Column("question", Text),
    Column("position", Integer),
    Column("ord", Text, comment="order in which a post asked, csv"),
    PrimaryKeyConstraint("decision_id", "kind", "at_ms"),
    Index(None, "at_ms"),
    Index(None, "caller_hash"),
    comment="what was decided on pings and posts, kept for decisions_days",
)

volume = Table(
    "volume",
    METADATA,
    _whole("hour_ms"),
    _text("endpoint"),
    _text("source_id"),
    _whole("pings"),
    _whole("pings_offered"),
    _whole("posts"),
    _whole("posts_sold"),
    PrimaryKeyConstraint("hour_ms", "endpoint", "source_id"),
    comment="pings and posts an hour, counted when they are archived",
)

interest = Table(
    "interest",
    METADATA,
    _whole("hour_ms"),
    _text("endpoint"),
    _text("source_id"),
    _whole("buyer_id"),
    _text("contract"),
    _whole("candidates"),
    _whole("bids"),
    _whole("bid_micros"),
    PrimaryKeyConstraint("hour_ms", "endpoint", "source_id", "buyer_id", "contract"),
    comment="how often a contract was a candidate of a ping, bid, and what its bids sum to",
)

declines = Table(
    "declines",
    METADATA,
    _whole("hour_ms"),
    _text("endpoint"),
    _text("source_id"),
    _whole("buyer_id"),
    _text("contract"),
    Column("reason", Integer, nullable=False, comment="number of service.model.decline"),
    _whole("count"),
    PrimaryKeyConstraint("hour_ms", "endpoint", "source_id", "buyer_id", "contract", "reason"),
    comment="candidates of pings that were declined, by reason",
)

catalogs = Table(
    "catalogs",
    METADATA,
    Column("version", Text, primary_key=True),
    _whole("first_seen_ms"),
    comment="which catalogs were served; their files are var/catalogs/<version>",
)

refused = Table(
    "refused",
    METADATA,
    _text("stream"),
    _text("entry_id"),
    _whole("at_ms"),
    _text("fields"),
    _text("why"),
    PrimaryKeyConstraint("stream", "entry_id"),
    comment="entries that could not be understood: kept here whole, for the stream is trimmed",
)
