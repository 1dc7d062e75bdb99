"""Settings of rules, from variables that begin with SCORELINE_RULES_: the common ones, those of a database, which
preset a new project gets, and who runs golden tests."""

from pydantic import Field, field_validator

from services.rules import presets
from services.shared.config import DatabaseConfig, ServiceConfig


class RulesConfig(ServiceConfig, DatabaseConfig):
    """What rules needs."""

    default_preset: str = presets.SIMPLE
    """Name of the preset that new projects start with. Projects that have rules keep them."""

    scoring_target: str = Field(default="127.0.0.1:50051", pattern=r"^.+:\d+$")
    """Scoring's gRPC address; asked to run golden tests when a version that has some is validated or activated."""

    @field_validator("default_preset")
    @classmethod
    def _is_there(cls, name: str) -> str:
        if name not in presets.names():
            raise ValueError(f"there is no such preset; there are {', '.join(presets.names())}")
        return name
