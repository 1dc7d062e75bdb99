"""Records in Salesforce, at a server that answers as it does: what is sent, and what is made of what it says."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.notify.action_salesforce import TOKEN_TTL, TOKENS_MAX, SalesforceRecords
from services.notify.automation_conditions import Values
from services.notify.automation_samples import LEAD, OCCASION
from services.notify.crm import Upserts
from services.notify.domain.actions import Salesforce
from services.notify.endpoint_lookup import SystemLookup
from services.notify.guarded_http import GuardedHttp
from services.shared.clock import SystemClock
from tests.support.clocks import MovableClock
from tests.support.http_party import Asked, Party, Reply, patience_s

LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"),)
VALUES = Values()


@pytest.fixture
async def http(request: pytest.FixtureRequest) -> AsyncIterator[GuardedHttp]:
    made = GuardedHttp(patience_s(request), True, LOOPBACK, SystemClock(), lookup=SystemLookup())
    yield made
    await made.close()


class Org:
    """A Salesforce organisation: gives tokens, and takes one at a time."""

    def __init__(self) -> None:
        self.good = "token-1"
        self.given = 0
        self.reply = Reply(201, {"id": "00Q1", "success": True, "created": True})
        self.gate: Callable[[Asked], Reply | None] = lambda asked: None

    def __call__(self, asked: Asked) -> Reply:
        gated = self.gate(asked)
        if gated is not None:
            return gated
        if asked.path == "/services/oauth2/token":
            self.given += 1
            return Reply(200, {"access_token": self.good, "token_type": "Bearer"})
        if asked.headers["authorization"] != f"Bearer {self.good}":
            return Reply(401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}])
        return self.reply


class TestSalesforce:
    @pytest.fixture
    def org(self) -> Org:
        return Org()

    @pytest.fixture
    async def party(self, org: Org) -> AsyncIterator[Party]:
        async with Party(org).serve() as serving:
            yield serving

    @pytest.fixture
    def clock(self) -> MovableClock:
        return MovableClock()

    @pytest.fixture
    def records(self, http: GuardedHttp, clock: MovableClock) -> Upserts[Salesforce]:
        return Upserts(SalesforceRecords(http, clock), VALUES)

    @pytest.fixture
    def action(self, party: Party) -> Salesforce:
        return Salesforce(
            instance_url=party.url(),
            client_id="3MVG9",
            client_secret="hunter2",
            external_id_field="Scoreline_Id__c",
            fields={
                "Company": "lead.company",
                "Score__c": "lead.score",
                "Hot__c": "lead.score >= 80.0",
                "Employees__c": "lead.attributes.employees",
            },
        )

    async def test_a_record_is_made_or_changed(
        self, org: Org, party: Party, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        outcome = await records.do(action, OCCASION)
        assert (outcome.error, outcome.detail) == ("", "record 00Q1 made")
        token, patch = party.asked
        assert (token.method, token.path) == ("POST", "/services/oauth2/token")
        assert token.form == {
            "grant_type": "client_credentials",
            "client_id": "3MVG9",
            "client_secret": "hunter2",
        }
        assert patch.method == "PATCH"
        assert patch.path == "/services/data/v62.0/sobjects/Lead/Scoreline_Id__c/lead_example"
        assert patch.headers["authorization"] == "Bearer token-1"
        assert patch.json == {"Company": "Analytical Engines", "Score__c": 85.0, "Hot__c": True}
        org.reply = Reply(200, {"id": "00Q1", "success": True, "created": False})
        assert (await records.do(action, OCCASION)).detail == "record 00Q1 changed"
        org.reply = Reply(204)
        assert (await records.do(action, OCCASION)).detail == "record changed"
        assert org.given == 1

    @pytest.mark.parametrize(
        ("lead_id", "path"),
        [
            ("a/b c?d#e%2F&é", "a%2Fb%20c%3Fd%23e%252F%26%C3%A9"),
            ("../../../oauth2/revoke", "..%2F..%2F..%2Foauth2%2Frevoke"),
        ],
    )
    async def test_an_id_is_one_part_of_the_path(
        self,
        party: Party,
        records: Upserts[Salesforce],
        action: Salesforce,
        lead_id: str,
        path: str,
    ) -> None:
        assert (
            await records.do(action, replace(OCCASION, lead=LEAD | {"lead_id": lead_id}))
        ).succeeded
        assert party.asked[1].path.endswith(f"/sobjects/Lead/Scoreline_Id__c/{path}")

    async def test_ids_that_are_no_part_of_a_path(
        self, party: Party, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        for lead_id in ("..", ".", "", "x" * 256):
            outcome = await records.do(action, replace(OCCASION, lead=LEAD | {"lead_id": lead_id}))
            assert outcome.permanent
            assert outcome.error.startswith("external_id: ")
        assert party.connections == 0

    async def test_a_token_that_is_over_is_replaced_once(
        self, org: Org, party: Party, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        assert (await records.do(action, OCCASION)).succeeded
        org.good = "token-2"
        assert (await records.do(action, OCCASION)).succeeded
        assert org.given == 2
        # One that is never taken is not asked for again and again.
        org.gate = lambda asked: (
            Reply(401, [{"errorCode": "INVALID_SESSION_ID", "message": "no"}])
            if asked.method == "PATCH"
            else None
        )
        outcome = await records.do(action, OCCASION)
        assert outcome.error == "Salesforce answered 401: INVALID_SESSION_ID: no"
        assert (outcome.permanent, org.given) == (True, 3)

    async def test_a_token_is_not_kept_for_ever(
        self, org: Org, clock: MovableClock, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        await records.do(action, OCCASION)
        clock.at += TOKEN_TTL - timedelta(seconds=1)
        await records.do(action, OCCASION)
        assert org.given == 1
        clock.at += timedelta(seconds=1)
        await records.do(action, OCCASION)
        assert org.given == 2

    async def test_all_at_once_ask_for_one_token(
        self, org: Org, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        outcomes = await asyncio.gather(*(records.do(action, OCCASION) for _ in range(20)))
        assert all(outcome.succeeded for outcome in outcomes)
        assert org.given == 1
        org.good = "token-2"
        outcomes = await asyncio.gather(*(records.do(action, OCCASION) for _ in range(20)))
        assert all(outcome.succeeded for outcome in outcomes)
        assert org.given == 2

    async def test_who_does_not_know_the_secret_has_no_token(
        self, org: Org, party: Party, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        """Another project with the same organisation and app."""
        assert (await records.do(action, OCCASION)).succeeded
        org.gate = lambda asked: (
            Reply(
                400, {"error": "invalid_client", "error_description": "invalid client\ncredentials"}
            )
            if asked.path.endswith("/token")
            else None
        )
        outcome = await records.do(replace(action, client_secret="guessed"), OCCASION)
        assert (
            outcome.error == "Salesforce gives no token, answered 400: invalid client credentials"
        )
        assert outcome.permanent
        assert [asked.method for asked in party.asked] == ["POST", "PATCH", "POST"]

    async def test_not_more_tokens_are_kept_than_there_is_room_for(
        self, http: GuardedHttp, clock: MovableClock, action: Salesforce
    ) -> None:
        crm = SalesforceRecords(http, clock)
        for number in range(TOKENS_MAX + 5):
            crm._tokens._known[str(number)] = ("t", clock.at + TOKEN_TTL)
        await Upserts(crm, VALUES).do(action, OCCASION)
        assert len(crm._tokens._known) == TOKENS_MAX

    @pytest.mark.parametrize(
        ("reply", "permanent", "error"),
        [
            (Reply(503, "x"), False, "Salesforce gives no token, answered 503"),
            (Reply(429, "x"), False, "Salesforce gives no token, answered 429"),
            (Reply(200, "x"), False, "Salesforce gives no token, answered 200"),
            (Reply(200, {"access_token": "a\r\nX-Evil: b"}), False, "Salesforce gives no token"),
            (Reply(302, "", {"Location": "/"}), True, "Salesforce gives no token, answered 302"),
            (Reply(how="stall"), False, "timeout"),
        ],
    )
    async def test_where_there_is_no_token(
        self,
        org: Org,
        records: Upserts[Salesforce],
        action: Salesforce,
        reply: Reply,
        permanent: bool,
        error: str,
    ) -> None:
        org.gate = lambda asked: reply
        outcome = await records.do(action, OCCASION)
        assert outcome.error.startswith(error)
        assert outcome.permanent is permanent

    @pytest.mark.parametrize(
        ("reply", "permanent", "error"),
        [
            (
                Reply(
                    400,
                    [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "Required: [LastName]"}],
                ),
                True,
                "Salesforce answered 400: REQUIRED_FIELD_MISSING: Required: [LastName]",
            ),
            (
                Reply(
                    400,
                    [
                        {
                            "errorCode": "DUPLICATES_DETECTED",
                            "message": "Analytical Engines is there",
                        }
                    ],
                ),
                True,
                "Salesforce answered 400: DUPLICATES_DETECTED: ... is there",
            ),
            (
                Reply(400, [{"errorCode": "A\x00\ud800", "message": "b\x1b[31m\udc80\n\x00c"}]),
                True,
                "Salesforce answered 400: A \ufffd: b [31m\ufffd c",
            ),
            (Reply(300, ["/a", "/b"]), True, "Salesforce has several records"),
            (
                Reply(404, [{"errorCode": "NOT_FOUND", "message": "no"}]),
                True,
                "Salesforce answered 404: NOT_FOUND",
            ),
            (
                Reply(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "limit"}]),
                False,
                "Salesforce answered 403: REQUEST_LIMIT_EXCEEDED: limit",
            ),
            (
                Reply(400, [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "x"}]),
                False,
                "Salesforce answered 400",
            ),
            (
                Reply(403, [{"errorCode": "API_DISABLED_FOR_ORG", "message": "x"}]),
                True,
                "Salesforce answered 403",
            ),
            (Reply(400, "<html>"), True, "Salesforce answered 400"),
            (Reply(400, ["?"]), True, "Salesforce answered 400"),
            (
                Reply(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "x"}]),
                False,
                "Salesforce answered 503",
            ),
            (Reply(how="cut"), False, "connection broke off"),
        ],
    )
    async def test_what_salesforce_says_decides(
        self,
        org: Org,
        records: Upserts[Salesforce],
        action: Salesforce,
        reply: Reply,
        permanent: bool,
        error: str,
    ) -> None:
        org.gate = lambda asked: reply if asked.method == "PATCH" else None
        outcome = await records.do(action, OCCASION)
        assert outcome.error.startswith(error)
        assert outcome.permanent is permanent
        assert "hunter2" not in outcome.error
        assert "token-1" not in outcome.error

    async def test_the_url_leads_nowhere_but_out(
        self, party: Party, action: Salesforce, clock: MovableClock
    ) -> None:
        http = GuardedHttp(20, False, (), SystemClock(), lookup=SystemLookup())
        records = Upserts(SalesforceRecords(http, clock), VALUES)
        for url in (
            party.url(),
            f"https://localhost:{party.port}",
            f"https://127.0.0.1:{party.port}",
            "https://169.254.169.254",
            "https://user@acme.my.salesforce.com",
        ):
            outcome = await records.do(replace(action, instance_url=url), OCCASION)
            assert "refused" in outcome.error
        assert party.connections == 0
        await http.close()

    async def test_what_is_wrong_is_found_before_it_is_kept(
        self, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        assert records.check(action) == []
        wrong = replace(
            action,
            instance_url="https://acme.my.salesforce.com/services",
            external_id="lead.scroe",
            fields={"Scoreline_Id__c": "lead.lead_id", "A": "1 +"},
        )
        assert [path for path, _ in records.check(wrong)] == [
            "salesforce.instance_url",
            "salesforce.fields[Scoreline_Id__c]",
            "salesforce.external_id",
            "salesforce.fields[A]",
        ]
        for url in ("https://acme.my.salesforce.com/", "https://acme.my.salesforce.com"):
            assert records.check(replace(action, instance_url=url)) == []
        for url in ("acme.my.salesforce.com", "https://a.b?x", "https://x@a.b", "ftp://a.b"):
            assert records.check(replace(action, instance_url=url))

    async def test_a_preview_has_no_secret(
        self, records: Upserts[Salesforce], action: Salesforce
    ) -> None:
        shown = records.preview(action, OCCASION)
        assert shown == {
            "object_type": "Lead",
            "external_id_field": "Scoreline_Id__c",
            "external_id": "lead_example",
            "fields": {"Company": "Analytical Engines", "Score__c": 85.0, "Hot__c": True},
        }
        assert "hunter2" not in json.dumps(shown) + repr(action)
