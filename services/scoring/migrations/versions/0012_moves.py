"""How often references of a project have gone from one lead to another: who has looked some up knows by it whether they
may have moved since."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE projects ADD COLUMN moves bigint NOT NULL DEFAULT 0")
