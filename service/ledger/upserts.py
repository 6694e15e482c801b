"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy knows by dialect."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: Connection, table: Table) -> sqlite.Insert:
    """An insert that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)  # type: ignore[return-value]  # the two are spelt alike
    return sqlite.insert(table)


def replacing(connection: Connection, table: Table) -> sqlite.Insert:
    """A row that is there by its primary key becomes the new one."""
    made = insert(connection, table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: made.excluded[column.name] for column in table.columns if column.name not in keys}
    return made.on_conflict_do_update(index_elements=keys, set_=rest)


def adding(connection: Connection, table: Table) -> sqlite.Insert:
    """To a row that is there by its primary key, the new one's numbers are added."""
    made = insert(connection, table)
    keys = [column.name for column in table.primary_key]
    sums = {c.name: c + made.excluded[c.name] for c in table.columns if c.name not in keys}
    return made.on_conflict_do_update(index_elements=keys, set_=sums)
