"""Runs the migrations on the connection that `storage.migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=False)
if connection.dialect.name == "sqlite":
    context.run_migrations()
else:
    with context.begin_transaction():
        context.run_migrations()
