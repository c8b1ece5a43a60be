"""`make test` runs every test on PostgreSQL and Redis, and these a second time on SQLite and the broker of files.

A test belongs here where the difference between the two can break what it proves. `tests/suite/test_passes.py`
fails where a test or a module that depends on the difference has no place below.
"""

ON_SQLITE: dict[str, str] = {
    # The engine
    "tests/engine/test_filters.py": "searches and pages of the queue are statements of their own on each",
    "tests/engine/test_four_eyes.py": "two decide at once: SQLite has one writer, PostgreSQL locks rows",
    "tests/engine/test_query_counts.py": "the same number of statements on both",
    "tests/engine/test_request_story.py": "every write of a request",
    "tests/engine/test_transition_table.py": "the guarded change, a conditional UPDATE whose rows are counted",
    "tests/enforcement/test_injection.py": "which characters a column takes",
    "tests/enforcement/test_restoring.py": "how the guard knows that the database is another one",
    "tests/incidents/test_indexes.py": "lookups by index are written for each",
    "tests/incidents/test_finding.py": "searches by parts of addresses; rows that others hold",
    "tests/lib/test_throttle.py": "a cache in the database",
    "tests/outbox/test_queueing.py": "two deliverers at once",
    "tests/outbox/test_trouble.py": "a deliverer of another process on the same rows",
    "tests/policy_service/test_changes.py": "how a change is noticed: by LISTEN, or by asking",
    "tests/policy_service/test_process.py": "the same by a process of its own",
    "tests/relay/test_networks.py": "networks are a type of PostgreSQL and text on SQLite",
    "tests/webhooks/test_delivering.py": "rows that others hold",
    # Migrations and the demo
    "tests/campaigns/test_migrations.py": "data that migrations carry over",
    "tests/samples/test_migrations.py": "data that migrations carry over",
    "tests/accounts/test_demo.py": "`make run` loads it there",
    # Jobs on the broker of files
    "tests/jobs/test_worker.py": "every job once",
    "tests/outages/test_worker_killed.py": "a worker killed in the middle of a task",
    "tests/renewals/test_worker.py": "a long job in pieces",
    "tests/samples/test_within_seconds.py": "a task that a receiver's process hands on",
    "tests/webhooks/test_worker.py": "a job that speaks to others",
    # What people do
    "tests/browser/test_story.py": "a story in the browser",
    "tests/browser/test_proof_story.py": "a story in the browser",
    "tests/browser/test_campaign_story.py": "a story in the browser",
}

STORIES = {
    "relay": "tests/browser/test_story.py",
    "whitelist": "tests/browser/test_proof_story.py",
    "senders": "tests/browser/test_proof_story.py",
    "campaign": "tests/browser/test_campaign_story.py",
}
"""Where each kind is asked for, decided and seen in force, in a browser."""

BY_ENGINE = {
    "portal/enforcement/guard.py": "tests/enforcement/test_restoring.py",
    "portal/lib/domain_index.py": "tests/incidents/test_indexes.py",
    "portal/lib/network_field.py": "tests/relay/test_networks.py",
    "portal/incidents/services.py": "tests/incidents/test_finding.py",
    "portal/policy_service/follower.py": "tests/policy_service/test_changes.py",
    "portal/policy_service/running.py": "tests/policy_service/test_process.py",
    "portal/policy_service/services.py": "tests/policy_service/test_changes.py",
    "portal/webhooks/delivering.py": "tests/webhooks/test_delivering.py",
}
"""Modules that do one thing on PostgreSQL and another on SQLite, and the tests of either."""
