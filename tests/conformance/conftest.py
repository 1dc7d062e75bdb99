"""The servers that the Postgres stores run on."""

from tests.support.scoring_fixtures import project, scoring, scoring_schema

__all__ = ["project", "scoring", "scoring_schema"]
