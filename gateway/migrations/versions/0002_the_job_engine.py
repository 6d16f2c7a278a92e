"""The tables and functions of the job engine, as procrastinate 3.10 ships them.

Revision: 0002; follows: 0001. A later procrastinate brings its own steps in its package; each of
them becomes a revision here when the dependency is raised.
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the engine's schema."""
    # Many statements in one text go to the driver itself, which takes them as they are, without parameters.
    op.get_bind().connection.cursor().execute(SchemaManager.get_schema())


def downgrade() -> None:
    """Remove the engine's schema with all its jobs."""
    op.execute(
        """
        DO $$ DECLARE found record; BEGIN
            FOR found IN SELECT tablename AS name FROM pg_tables
                WHERE schemaname = current_schema() AND tablename LIKE 'procrastinate\\_%' LOOP
                EXECUTE format('DROP TABLE %I CASCADE', found.name);
            END LOOP;
            FOR found IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'procrastinate\\_%' LOOP
                EXECUTE format('DROP FUNCTION %s CASCADE', found.name);
            END LOOP;
            FOR found IN SELECT typname AS name FROM pg_type
                WHERE typnamespace = current_schema()::regnamespace AND typname LIKE 'procrastinate\\_%'
                AND typtype IN ('e', 'c') LOOP
                EXECUTE format('DROP TYPE IF EXISTS %I CASCADE', found.name);
            END LOOP;
        END $$
        """
    )
