"""Run by alembic: applies the steps inside the transaction of the process that opens the store."""

from alembic import context

from traffic_ai.stores.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
