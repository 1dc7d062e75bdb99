"""Two projects that use the same lead ids and the same event ids never meet: not in one method of the contracts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from scoreline.accounts.v1 import accounts_service_pb2
from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2
from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from scoreline.rules.v1 import rule_set_pb2, rules_service_pb2
from scoreline.scoring.v1 import (
    analytics_service_pb2,
    lead_pb2,
    ledger_pb2,
    movers_pb2,
    scoring_service_pb2,
)
from stack import Stack
from tests.e2e import (
    tenancy_automations,
    tenancy_doors,
    tenancy_endpoints,
    tenancy_files,
    tenancy_identities,
    tenancy_scoring,
    tenancy_webhooks,
)
from tests.e2e.methods import METHODS, call
from tests.support.eventually import eventually
from tests.support.grpc_calls import CALL_TIMEOUT_S, Refusal
from tests.support.projects import TestProject, new_project

ADA = "ada"

MINE, THEIRS = "purchase", "signup"
"""Event types under the shared event ids; the preset gives 100 and 20 points."""


class Tenant:
    """A project's view of the suite."""

    def __init__(self, channel: grpc.Channel, project: TestProject) -> None:
        self.project = project
        self._channel = channel

    def __call__(self, service: str, method: str, request: Any) -> Any:
        return self.ask(f"{service}.v1.{service.capitalize()}Service/{method}", request)

    def ask(self, path: str, request: Any) -> Any:
        """The first message of the answer of any service."""
        return call(self._channel, f"/scoreline.{path}", self.project.api_key, request)

    def send(self, event_id: str, event_type: str, lead_id: str = ADA) -> None:
        event = event_pb2.Event(event_id=event_id, type=event_type, lead_id=lead_id)
        self("ingest", "IngestEvent", ingest_service_pb2.IngestEventRequest(event=event))

    def lead(self) -> Any:
        return self("scoring", "GetLead", scoring_service_pb2.GetLeadRequest(lead_id=ADA)).lead

    def scored(self, count: int) -> bool:
        request = scoring_service_pb2.ListLeadsRequest(query=ADA)
        found = self("scoring", "ListLeads", request).leads
        return [lead.event_count for lead in found] == [count]

    def watch(self, token: str = "") -> Any:
        stub = notify_service_pb2_grpc.NotifyServiceStub(self._channel)
        request = notify_service_pb2.WatchScoresRequest(resume_token=token)
        return stub.WatchScores(request, metadata=self.project.metadata, timeout=CALL_TIMEOUT_S)

    @contextmanager
    def feed(self) -> Iterator[Any]:
        """The activity of the leads that `watch_activity` makes."""
        stub = notify_service_pb2_grpc.NotifyServiceStub(self._channel)
        request = notify_service_pb2.WatchActivityRequest(lead_ids=["moe"])
        stream = stub.WatchActivity(request, metadata=self.project.metadata, timeout=CALL_TIMEOUT_S)
        try:
            yield stream
        finally:
            stream.cancel()


@pytest.fixture(scope="module")
def tenants(suite: Stack) -> Iterator[tuple[Tenant, Tenant, list[Any], list[Any]]]:
    """Two projects after the same ids came to both, and what a watcher of each saw."""
    with grpc.insecure_channel(suite.grpc_target) as channel:
        mine = Tenant(channel, new_project(suite, "mine"))
        theirs = Tenant(channel, new_project(suite, "theirs"))
        watches = [mine.watch(), theirs.watch()]
        for watch in watches:
            assert next(watch).WhichOneof("message") == "heartbeat"
        for number in range(3):
            mine.send(f"e{number}", MINE)
            theirs.send(f"e{number}", THEIRS)
        theirs.send("theirs-only", THEIRS)
        eventually(lambda: mine.scored(3))
        eventually(lambda: theirs.scored(4))
        seen = [
            [_next_change(watch) for _ in range(count)]
            for watch, count in zip(watches, (3, 4), strict=True)
        ]
        yield mine, theirs, *seen
        for watch in watches:
            watch.cancel()


def _next_change(watch: Any) -> Any:
    while True:
        message = next(watch)
        if message.WhichOneof("message") == "score_change":
            return message


def _next_activity(feed: Any) -> Any:
    while True:
        message = next(feed)
        if message.WhichOneof("message") == "activity":
            return message.activity


Tenants = tuple[Tenant, Tenant, list[Any], list[Any]]


def ingest_event(tenants: Tenants) -> None:
    # The fixture sent every id to both; each project took it for its own.
    mine, theirs, *_ = tenants
    assert (mine.lead().score, theirs.lead().score) == (300, 80)


def batch_ingest_events(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    event = event_pb2.Event(event_id="batch-1", type=MINE, lead_id="bob")
    request = ingest_service_pb2.BatchIngestEventsRequest(events=[event])
    for tenant in (mine, theirs):
        answer = tenant("ingest", "BatchIngestEvents", request)
        assert [result.receipt.duplicate for result in answer.results] == [False]


def stream_events(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    event = event_pb2.Event(event_id="stream-1", type=MINE, lead_id="bob")
    for tenant in (mine, theirs):
        answer = tenant(
            "ingest", "StreamEvents", ingest_service_pb2.StreamEventsRequest(event=event)
        )
        assert answer.result.receipt.duplicate is False


def get_lead(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    assert (mine.lead().version, theirs.lead().version) == (3, 4)


def list_leads(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    theirs.send("carol-1", THEIRS, "carol")
    request = scoring_service_pb2.ListLeadsRequest(query="carol")
    eventually(lambda: theirs("scoring", "ListLeads", request).leads)
    assert not mine("scoring", "ListLeads", request).leads


def create_lead(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    lead = lead_pb2.Lead(lead_id="dave", email="dave@example.com", company="mine")
    mine("scoring", "CreateLead", scoring_service_pb2.CreateLeadRequest(lead=lead))
    lead.company = "theirs"
    made = theirs("scoring", "CreateLead", scoring_service_pb2.CreateLeadRequest(lead=lead))
    assert made.lead.company == "theirs"


def update_lead(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    lead = lead_pb2.Lead(lead_id=ADA, company="mine")
    mine("scoring", "UpdateLead", scoring_service_pb2.UpdateLeadRequest(lead=lead))
    assert (mine.lead().company, theirs.lead().company) == ("mine", "")


def get_leaderboard(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    for tenant, score in ((mine, 300), (theirs, 80)):
        board = tenant("scoring", "GetLeaderboard", scoring_service_pb2.GetLeaderboardRequest())
        assert [one.lead.score for one in board.entries if one.lead.lead_id == ADA] == [score]


def get_stage_counts(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    request = scoring_service_pb2.GetStageCountsRequest()
    before = theirs("scoring", "GetStageCounts", request).total_count
    lead = lead_pb2.Lead(lead_id="erin")
    mine("scoring", "CreateLead", scoring_service_pb2.CreateLeadRequest(lead=lead))
    assert theirs("scoring", "GetStageCounts", request).total_count == before


def list_timeline(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    request = scoring_service_pb2.ListTimelineRequest(lead_id=ADA)
    for tenant, event_type, count in ((mine, MINE, 3), (theirs, THEIRS, 4)):
        entries = tenant("scoring", "ListTimeline", request).entries
        assert [entry.type for entry in entries] == [event_type] * count


def list_score_changes(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    request = scoring_service_pb2.ListScoreChangesRequest(lead_id=ADA)
    for tenant, event_type, count in ((mine, MINE, 3), (theirs, THEIRS, 4)):
        changes = tenant("scoring", "ListScoreChanges", request).score_changes
        assert [change.event_type for change in changes] == [event_type] * count


def list_project_score_changes(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    request = scoring_service_pb2.ListProjectScoreChangesRequest(page_size=5_000)
    for tenant, own, count in ((mine, MINE, 3), (theirs, THEIRS, 4)):

        def of_ada(tenant: Tenant = tenant) -> list[str]:
            changes = tenant("scoring", "ListProjectScoreChanges", request).score_changes
            return [one.event_type for one in changes if one.lead_id == ADA]

        eventually(lambda of_ada=of_ada, own=own, count=count: of_ada() == [own] * count)  # type: ignore[misc]


def get_score(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    request = scoring_service_pb2.GetScoreRequest(lead_id=ADA)
    assert [one("scoring", "GetScore", request).score for one in (mine, theirs)] == [300, 80]


def explain_score(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    request = scoring_service_pb2.ExplainScoreRequest(lead_id=ADA)
    for tenant, event_type, count in ((mine, MINE, 3), (theirs, THEIRS, 4)):
        found = tenant("scoring", "ExplainScore", request).contributions
        assert [one.event_type for one in found] == [event_type] * count


def verify_ledger(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    theirs.send("frank-1", THEIRS, "frank")
    leads = scoring_service_pb2.ListLeadsRequest(query="frank")
    eventually(lambda: theirs("scoring", "ListLeads", leads).leads)
    request = ledger_pb2.VerifyLedgerRequest(lead_id="frank")
    assert theirs("scoring", "VerifyLedger", request).progress.entry_count == 1
    with pytest.raises(grpc.RpcError) as refused:
        mine("scoring", "VerifyLedger", request)
    assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND"


def replay_leads(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    theirs.send("grace-1", THEIRS, "grace")
    leads = scoring_service_pb2.ListLeadsRequest(query="grace")
    eventually(lambda: theirs("scoring", "ListLeads", leads).leads)
    request = ledger_pb2.ReplayLeadsRequest(query="grace")
    for tenant, count in ((mine, 0), (theirs, 1)):
        answer = tenant("scoring", "ReplayLeads", request)
        assert (answer.lead_count, answer.changed_count, answer.done) == (count, 0, True)


def watch_scores(tenants: Tenants) -> None:
    mine, theirs, my_changes, their_changes = tenants
    assert [message.score_change.event_type for message in my_changes] == [MINE] * 3
    assert [message.score_change.event_type for message in their_changes] == [THEIRS] * 4
    # Nor does a token of one let the other in.
    for tenant, foreign in ((mine, their_changes[0]), (theirs, my_changes[0])):
        with pytest.raises(grpc.RpcError) as refused:
            list(tenant.watch(foreign.resume_token))
        assert Refusal(refused.value).reason == "RESUME_TOKEN_INVALID"


def watch_leaderboard(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    theirs.send("lea-1", THEIRS, "lea")
    leads = scoring_service_pb2.ListLeadsRequest(query="lea")
    eventually(lambda: theirs("scoring", "ListLeads", leads).leads)
    request = notify_service_pb2.WatchLeaderboardRequest(limit=100)
    for tenant, count in ((mine, 0), (theirs, 1)):
        board = tenant("notify", "WatchLeaderboard", request).board
        assert [place.lead_id for place in board.places].count("lea") == count
        assert ADA in [place.lead_id for place in board.places]


def watch_activity(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    with mine.feed() as my_feed, theirs.feed() as their_feed:
        for feed in (my_feed, their_feed):
            assert next(feed).WhichOneof("message") == "heartbeat"
        theirs.send("moe-1", THEIRS, "moe")
        assert _next_activity(their_feed).event_id == "moe-1"
        mine.send("moe-2", MINE, "moe")
        # Nothing of the other's came before.
        assert _next_activity(my_feed).event_id == "moe-2"


def rules(tenants: Tenants) -> None:
    """All methods of the rules service: what one project edits and activates the other never sees."""
    mine, theirs, *_ = tenants
    listing = rules_service_pb2.ListRulesRequest()
    before = theirs("rules", "ListRules", listing)
    rule = rule_set_pb2.Rule(event_type="my_own_type", points=7)
    mine("rules", "CreateRule", rules_service_pb2.CreateRuleRequest(rule=rule))
    changed = rule_set_pb2.Rule(rule_id="page_view", points=9)
    mine("rules", "UpdateRule", rules_service_pb2.UpdateRuleRequest(rule=changed))
    mine("rules", "DeleteRule", rules_service_pb2.DeleteRuleRequest(rule_id="signup"))
    described = rule_set_pb2.RuleSet(description="mine")
    mine("rules", "UpdateRuleSet", rules_service_pb2.UpdateRuleSetRequest(rule_set=described))
    mine("rules", "ActivateRuleSet", rules_service_pb2.ActivateRuleSetRequest())

    assert theirs("rules", "ListRules", listing) == before
    draft = rules_service_pb2.GetRuleSetRequest(version=2)
    with pytest.raises(grpc.RpcError) as refused:
        theirs("rules", "GetRuleSet", draft)
    assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND"
    assert mine("rules", "GetRuleSet", draft).rule_set.description == "mine"
    for tenant, versions in ((mine, [2, 1]), (theirs, [1])):
        listed = tenant("rules", "ListRuleSets", rules_service_pb2.ListRuleSetsRequest())
        assert [one.version for one in listed.rule_sets] == versions
        activated = tenant("rules", "ListActivations", rules_service_pb2.ListActivationsRequest())
        assert [one.version for one in activated.activations] == versions
        assert {one.project_id for one in activated.activations} == {tenant.project.project_id}
    whole_rule_sets(mine, theirs)


def whole_rule_sets(mine: Tenant, theirs: Tenant) -> None:
    """Those that read, write and compare versions as a whole."""
    exporting = rules_service_pb2.ExportRuleSetRequest()
    before = theirs("rules", "ExportRuleSet", exporting)
    text = "rules: [{event_type: my_own_type, points: 7}]"
    mine("rules", "ImportRuleSet", rules_service_pb2.ImportRuleSetRequest(yaml=text))
    rule_set = rule_set_pb2.RuleSet(rules=[rule_set_pb2.Rule(event_type="my_own_type")])
    request = rules_service_pb2.CreateRuleSetRequest(rule_set=rule_set, replace_draft=True)
    mine("rules", "CreateRuleSet", request)
    mine("rules", "RollbackRuleSet", rules_service_pb2.RollbackRuleSetRequest(version=1))
    assert theirs("rules", "ExportRuleSet", exporting) == before
    assert mine("rules", "ExportRuleSet", exporting).version == 3
    for method, reading in (
        ("ExportRuleSet", rules_service_pb2.ExportRuleSetRequest(version=3)),
        ("ValidateRuleSet", rules_service_pb2.ValidateRuleSetRequest(version=3)),
        ("DiffRuleSets", rules_service_pb2.DiffRuleSetsRequest(version=3)),
        ("RollbackRuleSet", rules_service_pb2.RollbackRuleSetRequest(version=2)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            theirs("rules", method, reading)
        assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND"


def accounts(tenants: Tenants) -> None:
    """All methods of the accounts service."""
    mine, theirs, *_ = tenants
    for tenant in (mine, theirs):
        found = tenant("accounts", "GetProject", accounts_service_pb2.GetProjectRequest())
        assert found.project.project_id == tenant.project.project_id
    request = accounts_service_pb2.CreateApiKeyRequest()
    request.api_key.scopes.append(1)
    made = mine("accounts", "CreateApiKey", request).api_key
    listing = accounts_service_pb2.ListApiKeysRequest()
    listed = {key.key_id for key in theirs("accounts", "ListApiKeys", listing).api_keys}
    assert listed == {theirs.project.key_id}
    with pytest.raises(grpc.RpcError) as refused:
        theirs(
            "accounts",
            "RevokeApiKey",
            accounts_service_pb2.RevokeApiKeyRequest(key_id=made.key_id),
        )
    assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND"
    tenancy_doors.update_api_key(tenants)
    again = accounts_service_pb2.CreateProjectRequest()
    again.project.project_id = mine.project.project_id
    with pytest.raises(grpc.RpcError) as refused:
        theirs("accounts", "CreateProject", again)
    assert Refusal(refused.value).reason == "OPERATOR_ONLY"


def analytics(tenants: Tenants) -> None:
    mine, theirs, *_ = tenants
    theirs.send("zoe-1", THEIRS, "zoe")
    for tenant, kind, count, score in ((mine, MINE, 3, 300), (theirs, THEIRS, 4, 80)):

        def ask(method: str, tenant: Tenant = tenant, **fields: Any) -> Any:
            request = getattr(analytics_service_pb2, f"{method}Request")(**fields)
            return tenant.ask(f"scoring.v1.AnalyticsService/{method}", request)

        activity = ask("GetActivity", lead_id=ADA)
        assert [(one.type, one.event_count) for one in activity.totals] == [(kind, count)]
        assert ask("GetScoreTrend", lead_id=ADA).points[-1].score_sum == score
        eventually(lambda tenant=tenant: moves_its_own(tenant))  # type: ignore[misc]
        eventually(lambda tenant=tenant, ask=ask: counts_its_own(tenant, ask))  # type: ignore[misc]
    mine_only = analytics_service_pb2.ExportLeadsRequest(
        format=analytics_service_pb2.EXPORT_FORMAT_NDJSON
    )
    file = mine.ask("scoring.v1.AnalyticsService/ExportLeads", mine_only).data.decode()
    rows = {row["lead_id"]: row for row in map(json.loads, file.splitlines())}
    assert rows[ADA]["event_count"] == 3
    assert "zoe" not in rows


def moves_its_own(tenant: Tenant) -> bool:
    """Whether those that moved are the project's leads with points, all of which came just now."""
    request = movers_pb2.GetMoversRequest(page_size=100)
    found = tenant.ask("scoring.v1.AnalyticsService/GetMovers", request)
    leads = tenant("scoring", "ListLeads", scoring_service_pb2.ListLeadsRequest()).leads
    scores = {lead.lead_id: lead.score for lead in leads if lead.score > 0}
    return {one.lead_id: one.score_after for one in found.up} == scores


def counts_its_own(tenant: Tenant, ask: Callable[..., Any]) -> bool:
    """Whether what counts leads and events counts those that the project lists. Others keep coming meanwhile."""
    leads = tenant("scoring", "ListLeads", scoring_service_pb2.ListLeadsRequest()).leads
    active = [lead for lead in leads if lead.event_count]
    companies = ask("GetCompanyDistribution")
    known = sum(one.lead_count for one in companies.companies)
    matched = max(one.lead_count for one in ask("GetRuleImpact").rules)
    return (
        ask("GetFunnel").lead_count == len(leads) == known + companies.unknown_count
        and sum(one.lead_count for one in ask("GetCohorts").cohorts) == len(active)
        and 0 < matched <= len(active)
    )


CHECKS: dict[str, Callable[[Tenants], None]] = {
    "IngestEvent": ingest_event,
    "BatchIngestEvents": batch_ingest_events,
    "StreamEvents": stream_events,
    "ReceiveCloudEvents": tenancy_doors.receive_cloud_events,
    "BatchIngestCloudEvents": tenancy_doors.batch_ingest_cloud_events,
    "Track": tenancy_doors.track,
    "GetLead": get_lead,
    "ListLeads": list_leads,
    "CreateLead": create_lead,
    "UpdateLead": update_lead,
    "GetLeaderboard": get_leaderboard,
    "GetStageCounts": get_stage_counts,
    "ListTimeline": list_timeline,
    "ListScoreChanges": list_score_changes,
    "ListProjectScoreChanges": list_project_score_changes,
    "GetScore": get_score,
    "ExplainScore": explain_score,
    "VerifyLedger": verify_ledger,
    "ReplayLeads": replay_leads,
    "WatchScores": watch_scores,
    "WatchLeaderboard": watch_leaderboard,
    "WatchActivity": watch_activity,
    "GetIntelligence": tenancy_scoring.get_intelligence,
    "AdjustScore": tenancy_scoring.adjust_score,
    "RetractEvents": tenancy_scoring.retract_events,
    "MergeLeads": tenancy_scoring.merge_leads,
    "UnmergeLeads": tenancy_scoring.unmerge_leads,
    "GetLeadIdentities": tenancy_identities.get_lead_identities,
    "ListIdentityConflicts": tenancy_identities.list_identity_conflicts,
}

SERVICE_CHECKS: dict[str, Callable[[Tenants], None]] = {
    "RulesService": rules,
    "AccountsService": accounts,
    "AnalyticsService": analytics,
    "SimulationService": tenancy_scoring.simulations,
    "WebhooksService": tenancy_webhooks.webhooks,
    "ImportsService": tenancy_files.imports,
    "QuarantineService": tenancy_identities.quarantine,
    "WebhookEndpointsService": tenancy_endpoints.endpoints,
    "AutomationsService": tenancy_automations.automations,
    "FollowUpsService": tenancy_automations.follow_ups,
}
"""Where the methods of a service only make sense together."""


def test_no_method_is_left_out() -> None:
    left = {
        path
        for path, method in METHODS.items()
        if method.name not in CHECKS and method.containing_service.name not in SERVICE_CHECKS
    }
    assert left == set()


@pytest.mark.parametrize("what", [*CHECKS, *SERVICE_CHECKS])
def test_projects_never_meet(tenants: Tenants, what: str) -> None:
    {**CHECKS, **SERVICE_CHECKS}[what](tenants)
