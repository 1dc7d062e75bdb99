"""Two projects with files of the same name, request and event ids: what each is shown of the other's."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from scoreline.ingest.v1 import imports_service_pb2 as pb
from scoreline.scoring.v1 import analytics_service_pb2
from tests.support.eventually import eventually
from tests.support.grpc_calls import Refusal

LEAD = "fay"


def import_of(answer: Any) -> Any:
    return getattr(answer, "import")


def exported(tenant: Any) -> list[str]:
    """The types of the lead's events in the project's export."""
    request = analytics_service_pb2.ExportEventsRequest(
        format=analytics_service_pb2.EXPORT_FORMAT_NDJSON, lead_id=LEAD
    )
    try:
        file = tenant.ask("scoring.v1.AnalyticsService/ExportEvents", request).data.decode()
    except grpc.RpcError as error:
        if Refusal(error).reason != "RESOURCE_NOT_FOUND":
            raise
        return []
    return [json.loads(line)["type"] for line in file.splitlines()]


def imports(tenants: Any) -> None:
    """The same request in each project makes an import of its own; ids of the other's are not there."""
    mine, theirs, *_ = tenants

    def ask(tenant: Any, method: str, **fields: Any) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        return tenant.ask(f"ingest.v1.ImportsService/{method}", request)

    made = {}
    for tenant, kind in ((mine, "file_mine"), (theirs, "file_theirs")):
        body = HttpBody(data=f"event_id,lead_id,type\nfile-1,{LEAD},{kind}\nfile-2,,x\n".encode())
        answer = ask(tenant, "ImportEvents", request_id="files", file_name="a.csv", content=body)
        made[tenant] = import_of(answer).import_id
    assert made[mine] != made[theirs]
    for tenant, kind in ((mine, "file_mine"), (theirs, "file_theirs")):
        eventually(lambda tenant=tenant, kind=kind: exported(tenant) == [kind])  # type: ignore[misc]
        assert import_of(ask(tenant, "GetImport", import_id=made[tenant])).rejected_count == 1
        assert made[tenant] in {one.import_id for one in ask(tenant, "ListImports").imports}
    assert made[theirs] not in {one.import_id for one in ask(mine, "ListImports").imports}
    for method in ("GetImport", "WatchImport", "CancelImport", "GetImportReport"):
        with pytest.raises(grpc.RpcError) as refused:
            ask(mine, method, import_id=made[theirs])
        assert Refusal(refused.value).reason == "RESOURCE_NOT_FOUND"
