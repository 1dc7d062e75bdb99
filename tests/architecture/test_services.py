"""The rooms of the house: every service has the same file names, so that who knows one finds his way in all."""

from __future__ import annotations

import pytest

from tests.architecture.tree import ROOT, SERVICES

REQUIRED = {
    "README.md",
    "__init__.py",
    "__main__.py",
    "main.py",
    "config.py",
    "servicer.py",
    "handlers.py",
    "ports.py",
    "convert.py",
    "errors.py",
    "worker.py",
    "domain",
}

STORED = {"store.py", "tables.py", "migrations"}
"""A service with a database has these too."""

WITH_DATABASE = SERVICES

OWN = {
    "ingest": {
        "store.py",
        "broker.py",
        # What the group commit need not store again.
        "stored_lately.py",
        # CloudEvents and events of pages on their way in, what marks events, and limits of keys.
        "cloud_events.py",
        "tracking.py",
        "marking.py",
        "crawlers.py",
        "rate_limits.py",
        # Quarantine, a gRPC service of its own, layer by layer.
        "quarantine_servicer.py",
        "quarantine_handlers.py",
        "quarantine_ports.py",
        "quarantine_convert.py",
        "quarantine_store.py",
        "quarantine_worker.py",
        # Webhooks, a gRPC service of its own, layer by layer: deliveries and their mappings, sources and their secrets.
        "webhook_servicer.py",
        "webhook_handlers.py",
        "webhook_decoding.py",
        "webhook_tokens.py",
        "webhook_mapping.py",
        "webhook_compiling.py",
        "webhook_values.py",
        "webhook_presets.py",
        "mappings",
        "webhook_sources.py",
        "webhook_secrets.py",
        "webhook_ecdsa.py",
        "webhook_cache.py",
        "webhook_ports.py",
        "webhook_convert.py",
        "webhook_rows.py",
        "webhook_store.py",
        "webhook_worker.py",
        # Files, a gRPC service of its own, layer by layer; and one import on its way.
        "import_servicer.py",
        "import_handlers.py",
        "import_ports.py",
        "import_convert.py",
        "import_store.py",
        "import_rows.py",
        "import_work.py",
        "import_worker.py",
        "import_run.py",
    },
    "notify": {
        # Score changes: read, handed out, and what a watch makes of them,
        "stream.py",
        "hub.py",
        "watcher.py",
        "watch.py",
        "updates.py",
        "conditions.py",
        # what is so now, as it changes,
        "activity.py",
        "boards.py",
        "convert_feeds.py",
        # and scoring, asked for snapshots and boards.
        "leads.py",
        # What is to be done about score changes; webhook endpoints, a gRPC service of its own, layer by layer; and what
        # is delivered to them.
        "planning.py",
        "dormancy.py",
        "activations.py",
        "endpoint_servicer.py",
        "endpoint_handlers.py",
        "endpoint_ports.py",
        "endpoint_convert.py",
        "endpoint_rows.py",
        "endpoint_plan.py",
        "endpoint_judging.py",
        "endpoint_examples.py",
        "telling.py",
        "endpoint_lookup.py",
        "endpoint_name_servers.py",
        "endpoint_sender.py",
        "endpoint_signing.py",
        "endpoint_worker.py",
        "delivery_store.py",
        "delivery_queue.py",
        # Automations, a gRPC service of its own, layer by layer: what sets them off,
        "automation_servicer.py",
        "automation_handlers.py",
        "automation_ports.py",
        "automation_reading.py",
        "automation_requests.py",
        "automation_convert.py",
        "automation_rows.py",
        "automation_store.py",
        "automation_plan.py",
        "automation_clock.py",
        "automation_candidates.py",
        "automation_looking.py",
        "automation_conditions.py",
        # how they act, on what, and what they would do,
        "automation_queue.py",
        "automation_worker.py",
        "automation_occasions.py",
        "automation_past.py",
        "automation_leads.py",
        "automation_telling.py",
        "automation_trial.py",
        "automation_previews.py",
        "automation_samples.py",
        "automation_presets.py",
        "automation_templates",
        # and what they do.
        "action_inside.py",
        "action_email.py",
        "action_slack.py",
        "slack_blocks.py",
        "action_hubspot.py",
        "action_salesforce.py",
        "action_publish.py",
        "crm.py",
        "guarded_http.py",
        "texts.py",
        "text_templates.py",
        # What they leave to people, a gRPC service of its own.
        "follow_up_servicer.py",
        "follow_up_convert.py",
        "follow_up_store.py",
    },
    "rules": {
        "conditions.py",
        "presets",
        "requests.py",
        "rows.py",
        # A rule set as a message, and as YAML both ways,
        "reading.py",
        "yaml_reading.py",
        "yaml_writing.py",
        # and scoring, which runs golden tests.
        "golden_tests.py",
    },
    "scoring": {
        # Each one idea, too long to share a file: conditions and rule sets as stored and as published,
        "conditions.py",
        "rule_conversion.py",
        "stored_rules.py",
        # the SQL by what it is for,
        "queries.py",
        "ledger_queries.py",
        "ledger_writes.py",
        "lead_locks.py",
        "known_leads.py",
        "rows.py",
        "statements.py",
        # and what callers ask of scores at any time and of the ledger, layer by layer.
        "requests.py",
        "score_conversion.py",
        "score_handlers.py",
        "score_servicer.py",
        "lead_handlers.py",
        "ledger_handlers.py",
        # Facts by hand and by `identify` events, and how leads move on, become one and two again.
        "facts.py",
        "fact_handlers.py",
        "fact_ports.py",
        "fact_queries.py",
        "fact_requests.py",
        "fact_servicer.py",
        # What is known of references, and what ingest is told of what can't be scored.
        "identity_handlers.py",
        "identity_ports.py",
        "identity_queries.py",
        "identity_servicer.py",
        "quarantine_conversion.py",
        "linking.py",
        "merging.py",
        "moving.py",
        "replay_handlers.py",
        # What all leads together did, layer by layer, and leads as files.
        "analytics_conversion.py",
        "analytics_handlers.py",
        "analytics_ports.py",
        "analytics_queries.py",
        "analytics_servicer.py",
        "mover_queries.py",
        "export_formats.py",
        "export_parquet.py",
        "exporting.py",
        "event_formats.py",
        "event_ports.py",
        "event_queries.py",
        "export_queries.py",
        "export_grades.py",
        # What other rules would make of the same ledger: a gRPC service of its own, layer by layer.
        "rule_set_guard.py",
        "simulation_conversion.py",
        "simulation_handlers.py",
        "simulation_requests.py",
        "simulation_servicer.py",
    },
}
"""What one service needs and the others do not. A new name here is a decision: can it not go where it
goes elsewhere?"""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_shape_of_all_services(service: str) -> None:
    room = ROOT / "services" / service
    found = {path.name for path in room.iterdir() if path.name != "__pycache__"}
    required = REQUIRED | (STORED if service in WITH_DATABASE else set())
    assert required - found == set(), "missing"
    assert found - required - OWN.get(service, set()) == set(), "not a name of the house"


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_migrations_are_whole(service: str) -> None:
    migrations = ROOT / "services" / service / "migrations"
    assert (migrations / "env.py").is_file()
    assert (migrations / "script.py.mako").is_file()
    assert list((migrations / "versions").glob("0001_*.py"))
    for path in (migrations / "versions").glob("*.py"):
        # The services' start relies on it (db.newest_revision).
        number, _, _ = path.name.partition("_")
        assert f'\nrevision = "{number}"\n' in path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_what_it_is(service: str) -> None:
    text = (ROOT / "services" / service / "README.md").read_text(encoding="utf-8").lower()
    for heading in ("owns", "offers", "consumes", "publishes", "invariants"):
        assert heading in text, heading
    assert f"scoreline_{service}_" in text, "settings"


def test_there_are_no_other_rooms() -> None:
    rooms = {path.parent.name for path in (ROOT / "services").glob("*/__init__.py")}
    assert rooms == {*SERVICES, "shared"}
    assert {path.name for path in (ROOT / "services" / "shared").iterdir()} >= {
        "service.py",
        "interceptor.py",
        "config.py",
        "bus.py",
        "db.py",
        "clock.py",
    }
