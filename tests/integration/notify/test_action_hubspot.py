"""Contacts in HubSpot, at a server that answers as HubSpot does: what is sent, and what is made of what it says."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from services.notify.action_hubspot import HubSpotContacts
from services.notify.automation_conditions import Values
from services.notify.automation_samples import LEAD, OCCASION
from services.notify.crm import Upserts
from services.notify.domain.actions import HubSpot, Unrenderable
from services.notify.endpoint_lookup import SystemLookup
from services.notify.guarded_http import GuardedHttp
from services.shared.clock import SystemClock
from tests.support.http_party import Party, Reply, patience_s

LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"),)
VALUES = Values()
HUBSPOT = HubSpot(
    access_token="pat-na1-secret",
    properties={
        "lead_score": "lead.score",
        "score_exact": "lead.velocity",
        "hot": "lead.score >= 80.0",
        "company": "lead.company",
        "employees": "lead.attributes.employees",
        "cleared": "''",
        "attributes": "lead.attributes",
    },
)


@pytest.fixture
async def http(request: pytest.FixtureRequest) -> AsyncIterator[GuardedHttp]:
    made = GuardedHttp(patience_s(request), True, LOOPBACK, SystemClock(), lookup=SystemLookup())
    yield made
    await made.close()


def made(new: bool = True) -> Reply:
    return Reply(200, {"status": "COMPLETE", "results": [{"id": "512", "new": new}]})


class TestHubSpot:
    @pytest.fixture
    async def hubspot(self) -> AsyncIterator[Party]:
        async with Party(lambda asked: made()).serve() as serving:
            yield serving

    @pytest.fixture
    def contacts(self, hubspot: Party, http: GuardedHttp) -> Upserts[HubSpot]:
        return Upserts(HubSpotContacts(http, hubspot.url()), VALUES)

    async def test_a_contact_is_made_or_changed(
        self, hubspot: Party, contacts: Upserts[HubSpot]
    ) -> None:
        outcome = await contacts.do(HUBSPOT, OCCASION)
        assert (outcome.error, outcome.detail) == ("", "contact 512 made")
        asked = hubspot.asked[0]
        assert (asked.method, asked.path) == ("POST", "/crm/v3/objects/contacts/batch/upsert")
        assert asked.headers["authorization"] == "Bearer pat-na1-secret"
        # Texts only; what is not known is left out and keeps what HubSpot has.
        assert asked.json == {
            "inputs": [
                {
                    "idProperty": "email",
                    "id": "ada@example.com",
                    "properties": {
                        "lead_score": "85",
                        "score_exact": "12.5",
                        "hot": "true",
                        "company": "Analytical Engines",
                        "cleared": "",
                        "attributes": '{"country":"GB"}',
                    },
                }
            ]
        }
        hubspot.replies = lambda asked: made(False)
        assert (await contacts.do(HUBSPOT, OCCASION)).detail == "contact 512 changed"

    async def test_another_property_may_identify(
        self, hubspot: Party, contacts: Upserts[HubSpot]
    ) -> None:
        action = replace(HUBSPOT, id_property="scoreline_id", id_value="lead.lead_id")
        assert (await contacts.do(action, OCCASION)).succeeded
        (contact,) = hubspot.asked[0].json["inputs"]
        assert (contact["idProperty"], contact["id"]) == ("scoreline_id", "lead_example")

    @pytest.mark.parametrize("lead", [LEAD | {"email": ""}, LEAD | {"email": " "}])
    async def test_a_lead_that_cannot_be_found_again_is_not_sent(
        self, hubspot: Party, contacts: Upserts[HubSpot], lead: dict[str, Any]
    ) -> None:
        outcome = await contacts.do(HUBSPOT, replace(OCCASION, lead=lead))
        assert outcome.permanent
        assert outcome.error.startswith("id_value: is empty for this lead")
        assert hubspot.connections == 0

    @pytest.mark.parametrize(
        ("reply", "permanent", "error"),
        [
            (
                Reply(
                    401,
                    {
                        "message": "Authentication credentials not found.",
                        "category": "INVALID_AUTHENTICATION",
                    },
                ),
                True,
                "HubSpot answered 401: Authentication credentials not found.",
            ),
            (
                Reply(
                    400,
                    {"message": 'Property "hot" does not exist', "category": "VALIDATION_ERROR"},
                ),
                True,
                'HubSpot answered 400: Property "hot" does not exist',
            ),
            (
                Reply(
                    400,
                    {"message": "Email address ada@example.com of Analytical Engines is\ninvalid"},
                ),
                True,
                "HubSpot answered 400: Email address ... of ... is invalid",
            ),
            (
                Reply(400, {"message": "a\x00b\x1b[31m\ud800"}),
                True,
                "HubSpot answered 400: a b [31m\ufffd",
            ),
            (
                Reply(
                    207,
                    {
                        "status": "COMPLETE",
                        "results": [],
                        "numErrors": 1,
                        "errors": [
                            {
                                "status": "error",
                                "category": "VALIDATION_ERROR",
                                "message": "lead_score was not a number",
                            }
                        ],
                    },
                ),
                True,
                "HubSpot answered 207: lead_score was not a number",
            ),
            (
                Reply(
                    207, {"results": [], "errors": [{"category": "CONFLICT", "message": "exists"}]}
                ),
                False,
                "HubSpot answered 207: exists",
            ),
            (
                Reply(409, {"message": "Contact already exists", "category": "CONFLICT"}),
                False,
                "HubSpot answered 409",
            ),
            (
                Reply(429, {"message": "limit", "category": "RATE_LIMITS"}),
                False,
                "HubSpot answered 429: limit",
            ),
            (Reply(200, {"results": []}), True, "HubSpot answered 200"),
            (Reply(200, "welcome"), True, "HubSpot answered 200"),
            (Reply(207, {"errors": "?"}), True, "HubSpot answered 207"),
            (Reply(500, "<html>"), False, "HubSpot answered 500"),
            (Reply(502, {"message": "bad gateway"}), False, "HubSpot answered 502: bad gateway"),
            (Reply(302, "", {"Location": "/"}), True, "HubSpot answered 302"),
            (Reply(how="stall"), False, "timeout"),
            (Reply(how="cut"), False, "connection broke off"),
            (Reply(body="{", how="break off"), False, "answer broke off"),
        ],
    )
    async def test_what_hubspot_says_decides(
        self,
        hubspot: Party,
        contacts: Upserts[HubSpot],
        reply: Reply,
        permanent: bool,
        error: str,
    ) -> None:
        hubspot.replies = lambda asked: reply
        outcome = await contacts.do(HUBSPOT, OCCASION)
        assert outcome.error.startswith(error)
        assert outcome.permanent is permanent
        assert "secret" not in outcome.error

    async def test_it_is_left_alone_as_long_as_it_asks(
        self, hubspot: Party, contacts: Upserts[HubSpot]
    ) -> None:
        limited = Reply(429, {"category": "RATE_LIMITS"}, {"Retry-After": "10"})
        hubspot.replies = lambda asked: limited
        assert (await contacts.do(HUBSPOT, OCCASION)).retry_after_s == 10

    async def test_what_is_wrong_is_found_before_it_is_kept(
        self, contacts: Upserts[HubSpot]
    ) -> None:
        assert contacts.check(HUBSPOT) == []
        wrong = replace(
            HUBSPOT,
            access_token="a b",
            id_value="lead.",
            properties={"a": "laed.score", "b": "lead.score"},
        )
        assert [path for path, _ in contacts.check(wrong)] == [
            "hubspot.access_token",
            "hubspot.id_value",
            "hubspot.properties[a]",
        ]

    async def test_a_preview_has_no_secret(self, contacts: Upserts[HubSpot]) -> None:
        shown = contacts.preview(HUBSPOT, OCCASION)
        assert shown["id"] == "ada@example.com"
        assert shown["properties"]["lead_score"] == "85"
        assert "secret" not in json.dumps(shown) + repr(HUBSPOT)
        with pytest.raises(Unrenderable, match="about none"):
            contacts.preview(HUBSPOT, replace(OCCASION, lead=None))
