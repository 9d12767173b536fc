"""Run the revisions of one store on the connection that ``vault.storage.schema`` lends."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    # SQLite, too, can undo a change of schema; Alembic alone would not ask it to.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
