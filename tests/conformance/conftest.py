"""The servers that the Postgres stores run on."""

from tests.support.scoring_fixtures import project, scoring, scoring_schema
from tests.support.stack_fixtures import servers

__all__ = ["project", "scoring", "scoring_schema", "servers"]
