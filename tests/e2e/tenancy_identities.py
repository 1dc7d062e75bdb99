"""What test_tenancy.py checks of quarantine, identities and contradictions: two projects that use the same ids."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2
from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.scoring.v1 import facts_pb2
from tests.support.eventually import eventually
from tests.support.grpc_calls import Refusal

SERVICE = "ingest.v1.QuarantineService"


def quarantine(tenants: Any) -> None:
    """A contradiction in one project is nothing the other sees, redrives or throws away."""
    mine, theirs, *_ = tenants
    mine.send("twice", "purchase", "pia")
    theirs.send("twice", "signup", "pia")
    mine.send("twice", "signup", "pia")

    def listed(tenant: Any) -> Any:
        wanted = pb.ListQuarantinedRequest(filter=pb.QuarantineFilter(event_id="twice"))
        return list(tenant.ask(f"{SERVICE}/ListQuarantined", wanted).items)

    (item,) = eventually(lambda: listed(mine))
    assert listed(theirs) == []
    everything = pb.QuarantineFilter()
    for method, request in (
        ("GetQuarantined", pb.GetQuarantinedRequest(item_id=item.item_id)),
        ("RedriveQuarantined", pb.RedriveQuarantinedRequest(item_id=item.item_id)),
        ("DiscardQuarantined", pb.DiscardQuarantinedRequest(item_id=item.item_id)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            theirs.ask(f"{SERVICE}/{method}", request)
        assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND"
    redriven = theirs.ask(
        f"{SERVICE}/RedriveQuarantined", pb.RedriveQuarantinedRequest(filter=everything)
    )
    discarded = theirs.ask(
        f"{SERVICE}/DiscardQuarantined", pb.DiscardQuarantinedRequest(filter=everything)
    )
    assert (redriven.redriven_count, discarded.discarded_count) == (0, 0)
    assert (
        list(theirs.ask(f"{SERVICE}/CountQuarantined", pb.CountQuarantinedRequest()).counts) == []
    )
    assert [one.seen_count for one in listed(mine)] == [1]


def identified(tenant: Any, event_id: str, **references: str) -> None:
    event = event_pb2.Event(event_id=event_id, type="identify", **references)  # type: ignore[arg-type]
    tenant("ingest", "IngestEvent", ingest_service_pb2.IngestEventRequest(event=event))


def identities(tenant: Any, lead_id: str) -> set[str]:
    try:
        found = tenant(
            "scoring", "GetLeadIdentities", facts_pb2.GetLeadIdentitiesRequest(lead_id=lead_id)
        )
    except grpc.RpcError as error:
        if Refusal(error).reason != "RESOURCE_NOT_FOUND":
            raise
        return set()
    return {one.identity.value for one in found.identities}


def get_lead_identities(tenants: Any) -> None:
    """The same address is another lead there, with other references."""
    mine, theirs, *_ = tenants
    identified(mine, "who-1", email="quinn@example.com", external_id="q-1")
    identified(theirs, "who-1", email="quinn@example.com", external_id="q-2")
    eventually(lambda: identities(mine, "email:quinn@example.com") == {"quinn@example.com", "q-1"})
    eventually(
        lambda: identities(theirs, "email:quinn@example.com") == {"quinn@example.com", "q-2"}
    )
    assert identities(theirs, "external:q-1") == set()


def list_identity_conflicts(tenants: Any) -> None:
    """What contradicts itself in one project is plain in the other."""
    mine, theirs, *_ = tenants
    identified(mine, "rob-1", email="rob@example.com", external_id="r-1")
    for tenant in (mine, theirs):
        identified(tenant, "rob-2", email="rob@example.com", external_id="r-2")

    def conflicts(tenant: Any) -> list[str]:
        request = facts_pb2.ListIdentityConflictsRequest()
        found = tenant("scoring", "ListIdentityConflicts", request).conflicts
        return [one.event_id for one in found]

    eventually(lambda: conflicts(mine) == ["rob-2"])
    eventually(lambda: identities(theirs, "external:r-2") == {"rob@example.com", "r-2"})
    assert conflicts(theirs) == []
