"""An occasion that has everything, to try the texts and expressions of an automation on before it is kept: what is
wrong for this one is wrong for all."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from services.notify.domain.actions import Occasion
from services.notify.domain.endpoints import SCORE_CHANGED
from services.notify.endpoint_examples import example

_NOW: Final = datetime(2026, 1, 2, 9, tzinfo=UTC)

LEAD: Final[dict[str, Any]] = {
    "lead_id": "lead_example",
    "email": "ada@example.com",
    "display_name": "Ada Lovelace",
    "company": "Analytical Engines",
    "score": 85.0,
    "stage": "qualified",
    "grade": "A",
    "velocity": 12.5,
    "risk": "MEDIUM",
    "trend": "INCREASING",
    "next_action": "call",
    "owner": "sam@example.com",
    "attributes": {"country": "GB"},
}

_LISTED: Final = {
    "lead_id": "lead_example",
    "name": "Ada Lovelace",
    "company": "Analytical Engines",
    "previous_score": 45.0,
    "score": 85.0,
    "delta": 40.0,
    "previous_stage": "engaged",
    "stage": "qualified",
}

DIGEST: Final[dict[str, Any]] = {
    "from_time": "2026-01-01T09:00:00Z",
    "until_time": "2026-01-02T09:00:00Z",
    "up": [_LISTED],
    "down": [_LISTED | {"previous_score": 85.0, "score": 45.0, "delta": -40.0}],
    "new_qualified": [_LISTED],
    "new_qualified_count": 1,
    "at_risk": [_LISTED],
    "at_risk_count": 1,
}

OCCASION: Final = Occasion(
    project_id="prj_example",
    automation_id="aut_example",
    automation_name="Example",
    execution_id="exe_example",
    trigger="stage_entered",
    bucket="2026-01-02",
    time=_NOW,
    lead=LEAD,
    change=json.loads(example(SCORE_CHANGED, _NOW))["data"],
    digest=DIGEST,
)
