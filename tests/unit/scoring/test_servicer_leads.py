"""ScoringService as its callers see it: one lead, making and changing it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode

from scoreline.scoring.v1 import lead_pb2
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.scoring.domain.identity import lead_id_of
from services.shared import structs
from tests.support import scoring_cases as cases
from tests.support.scoring_calls import Api, fails


async def create(
    api: Api, attributes: dict[str, Any] | None = None, **fields: str
) -> lead_pb2.Lead:
    lead = lead_pb2.Lead(attributes=structs.from_dict(attributes or {}), **fields)  # type: ignore[arg-type]
    made: lead_pb2.Lead = (await api.call("CreateLead", pb.CreateLeadRequest(lead=lead))).lead
    return made


async def get(api: Api, reference: str) -> lead_pb2.Lead:
    found: lead_pb2.Lead = (await api.call("GetLead", pb.GetLeadRequest(lead_id=reference))).lead
    return found


async def update(api: Api, *paths: str, attributes: Any = None, **fields: str) -> lead_pb2.Lead:
    lead = lead_pb2.Lead(**fields)  # type: ignore[arg-type]
    if attributes is not None:
        lead.attributes.CopyFrom(structs.from_dict(attributes))
    request = pb.UpdateLeadRequest(lead=lead, update_mask=FieldMask(paths=paths))
    updated: lead_pb2.Lead = (await api.call("UpdateLead", request)).lead
    return updated


async def test_a_lead_is_found_by_its_id_and_each_reference(api: Api) -> None:
    await api.events.record_activation(cases.activation(1))
    await api.events.apply_events([cases.incoming("e1", "signup", subject="email:ada@example.com")])
    lead = await get(api, "email:ADA@example.com")
    assert (lead.score, lead.stage, lead.version, lead.event_count) == (20.0, "cold", 1, 1)
    assert (lead.email, lead.rule_set_version) == ("ada@example.com", 1)
    assert [one.value for one in lead.identities] == ["ada@example.com"]
    assert lead.lead_id == lead_id_of("email:ada@example.com")
    assert await get(api, lead.lead_id) == lead
    # Events under the derived id go to the same lead.
    again = cases.incoming("e2", "signup", 1, subject=f"lead:{lead.lead_id}")
    await api.events.apply_events([again])
    assert (await get(api, "email:ada@example.com")).score == 40.0


@pytest.mark.parametrize("reference", ["nobody", "email:x@y.z", "anonymous:ada", "lead:ada"])
async def test_a_lead_nobody_knows_is_not_found(api: Api, reference: str) -> None:
    await create(api, lead_id="ada")
    for method, request in [
        ("GetLead", pb.GetLeadRequest(lead_id=reference)),
        ("ListTimeline", pb.ListTimelineRequest(lead_id=reference)),
        ("ListScoreChanges", pb.ListScoreChangesRequest(lead_id=reference)),
        (
            "ListProjectScoreChanges",
            pb.ListProjectScoreChangesRequest(lead_ids=["ada", reference]),
        ),
        ("UpdateLead", pb.UpdateLeadRequest(lead=lead_pb2.Lead(lead_id=reference))),
    ]:
        with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
            await api.call(method, request)


async def test_projects_never_see_each_others_leads(api: Api) -> None:
    await create(api, lead_id="ada", email="ada@example.com")
    other = api.holding("p2")
    for reference in ("ada", "email:ada@example.com"):
        with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
            await get(other, reference)
    with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await update(other, lead_id="ada", company="Mine")
    assert list((await other.call("ListLeads", pb.ListLeadsRequest())).leads) == []
    # The same id is free there.
    assert (await create(other, lead_id="ada")).etag == "r1"
    assert (await get(api, "ada")).email == "ada@example.com"


async def test_scopes(api: Api) -> None:
    await create(api.holding("writer"), lead_id="ada")
    await get(api.holding("reader"), "ada")
    with fails(StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
        await get(api.holding("writer"), "ada")
    with fails(StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
        await create(api.holding("reader"), lead_id="bob")
    with fails(StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID"):
        await get(api.holding("nobody"), "ada")
    with fails(StatusCode.UNAUTHENTICATED, "CREDENTIAL_MISSING"):
        await get(api.holding(""), "ada")


async def test_a_lead_is_made_with_what_was_sent_and_nothing_else(api: Api) -> None:
    lead = lead_pb2.Lead(
        lead_id="ada", display_name="Ada", company="Engines", score=99, version=7, etag="r9"
    )
    lead.attributes.update({"seats": 3})
    made = (await api.call("CreateLead", pb.CreateLeadRequest(lead=lead))).lead
    assert (made.display_name, made.company) == ("Ada", "Engines")
    assert structs.to_dict(made.attributes) == {"seats": 3}
    assert (made.score, made.version, made.event_count, made.etag) == (0.0, 0, 0, "r1")
    assert [(one.kind, one.value) for one in made.identities] == [(1, "ada")]
    assert await get(api, "ada") == made


async def test_a_lead_with_an_address_only_has_the_id_events_would_give_it(api: Api) -> None:
    made = await create(api, email=" Ada@Example.com ")
    assert made.lead_id == lead_id_of("email:ada@example.com")
    await api.events.apply_events([cases.incoming("e1", subject="email:ada@example.com")])
    assert (await get(api, made.lead_id)).event_count == 1


async def test_events_by_address_go_to_the_lead_made_with_it(api: Api) -> None:
    await create(api, lead_id="ada", email="ada@example.com")
    await api.events.apply_events([cases.incoming("e1", subject="email:ada@example.com")])
    assert (await get(api, "ada")).event_count == 1


async def test_ids_and_addresses_are_taken_once(api: Api) -> None:
    await create(api, lead_id="ada", email="ada@example.com")
    await api.events.apply_events([cases.incoming("e1", subject="email:bob@example.com")])
    for fields in (
        {"lead_id": "ada"},
        {"lead_id": "eve", "email": "ADA@example.com"},
        {"email": "ada@example.com"},
        {"email": "bob@example.com"},
        {"lead_id": lead_id_of("email:bob@example.com")},
    ):
        with fails(StatusCode.ALREADY_EXISTS, "RESOURCE_ALREADY_EXISTS"):
            await create(api, **fields)
    with fails(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await get(api, "eve")


async def test_everything_wrong_is_said_at_once(api: Api) -> None:
    invalid = (StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    with fails(*invalid, "lead.lead_id", "lead.company"):
        await create(api, company="\n")
    with fails(*invalid, "lead.lead_id", "lead.display_name", "update_mask"):
        await update(api, "score", display_name="x" * 300)
    with fails(*invalid, "lead_id"):
        await get(api, "")


async def test_an_update_changes_what_its_mask_says(api: Api) -> None:
    await create(api, {"a": 1, "b": 2}, lead_id="ada", display_name="Ada", company="E")
    lead = await update(api, "company", lead_id="ada", display_name="ignored", company="F")
    assert (lead.display_name, lead.company, lead.etag) == ("Ada", "F", "r2")
    lead = await update(api, "attributes.a", "attributes.c", lead_id="ada", attributes={"c": [1]})
    assert structs.to_dict(lead.attributes) == {"b": 2, "c": [1]}
    lead = await update(api, "attributes", "display_name", lead_id="ada")
    assert (structs.to_dict(lead.attributes), lead.display_name) == ({}, "")
    lead = await update(api, lead_id="ada", display_name="A")
    assert (lead.display_name, lead.company, lead.etag) == ("A", "F", "r5")
    assert await get(api, "ada") == lead


async def test_an_update_reaches_a_lead_by_reference(api: Api) -> None:
    await create(api, lead_id="ada", email="a@b.c")
    assert (await update(api, lead_id="email:a@b.c", company="F")).lead_id == "ada"


async def test_an_etag_must_be_the_current_one(api: Api) -> None:
    first = await create(api, lead_id="ada")
    second = await update(api, lead_id="ada", etag=first.etag, company="F")
    for tag in (first.etag, "r3", "nonsense", "2"):
        with fails(StatusCode.ABORTED, "ETAG_MISMATCH"):
            await update(api, lead_id="ada", etag=tag, company="G")
    assert (await update(api, lead_id="ada", etag=second.etag, company="H")).company == "H"


async def test_scoring_leaves_the_etag_alone(api: Api) -> None:
    made = await create(api, lead_id="ada")
    await api.events.apply_events([cases.incoming("e1", "signup")])
    found = await get(api, "ada")
    assert found.etag == made.etag
    assert found.update_time.ToDatetime() > made.update_time.ToDatetime()


async def test_single_attributes_do_not_add_up_beyond_the_limit(api: Api) -> None:
    await create(api, {"a": "x" * 20_000}, lead_id="ada")
    with fails(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "lead.attributes"):
        await update(api, "attributes.b", lead_id="ada", attributes={"b": "x" * 20_000})
    replaced = await update(api, "attributes.a", lead_id="ada", attributes={"a": "x" * 30_000})
    assert len(structs.to_dict(replaced.attributes)["a"]) == 30_000
