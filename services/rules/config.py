"""Settings of rules, from variables that begin with SCORELINE_RULES_: the common ones, those of a database, and which
preset a new project gets."""

from pydantic import field_validator

from services.rules import presets
from services.shared.config import DatabaseConfig, ServiceConfig


class RulesConfig(ServiceConfig, DatabaseConfig):
    """What rules needs."""

    default_preset: str = presets.SIMPLE
    """Name of the preset that new projects start with. Projects that have rules keep them."""

    @field_validator("default_preset")
    @classmethod
    def _is_there(cls, name: str) -> str:
        if name not in presets.names():
            raise ValueError(f"there is no such preset; there are {', '.join(presets.names())}")
        return name
