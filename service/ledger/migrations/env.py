"""What Alembic runs: the migrations, on the connection and in the transaction it is given by `opening`."""

from alembic import context

from service.ledger.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,  # SQLite's too, which Alembic does not expect
)
context.run_migrations()
