"""Run as a program by `test_migrations`: fill a database as it was before samples had an app, or read it afterwards.

python -m tests.samples.old_database fill|look        # DATABASE_URL says where
"""

import json
import sys
from typing import Any

import django

OLD = [
    ("senders", "0001_initial"),
    ("whitelist", "0001_initial"),
    ("grants", "0002_compliance"),
    ("accounts", "0002_roles"),
    ("workflow", "0002_live_requests_by_day"),
]


def fill() -> None:
    from django.db import connection  # noqa: PLC0415 - Django is set up first
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 - Django is set up first
    from django.utils import timezone  # noqa: PLC0415 - Django is set up first

    MigrationExecutor(connection).migrate(OLD)
    state = MigrationExecutor(connection).loader.project_state(OLD)

    def create(app: str, model: str, **columns: Any) -> Any:
        return state.apps.get_model(app, model).objects.create(**columns)

    person = create("accounts", "User", email="a@ttu.edu", name="A")
    sender = create("workflow", "ServiceRequest", kind="senders", reference="TM-I-1", requester=person)
    vendor = create("workflow", "ServiceRequest", kind="whitelist", reference="TM-W-1", requester=person)
    create("senders", "SenderRequest", service_request=sender, token="a" * 20)
    create("whitelist", "WhitelistRequest", service_request=vendor)
    sample = create(
        "senders",
        "SignedSample",
        id=7,
        service_request=sender,
        source="probe",
        sha256="0" * 64,
        size=3,
        file="x",
        evidence={"from": "b@c.example"},
        is_proof=True,
    )
    today = timezone.localdate()
    grant = create(
        "grants",
        "Grant",
        kind="senders",
        reference="TM-I-1",
        owner=person,
        request=sender,
        latest_request=sender,
        starts_on=today,
        ends_on=today,
        state="active",
    )
    create(
        "senders",
        "SenderAuthorization",
        grant=grant,
        service_name="s",
        vendor="v",
        identity="subdomain",
        sending_domain="d",
        envelope_domain="d",
        signing_domain="d",
        proven_by=sample,
    )


def look() -> dict[str, Any]:
    from django.db import connection  # noqa: PLC0415 - Django is set up first

    from portal.samples.models import ProbeToken, SignedSample  # noqa: PLC0415 - Django is set up first
    from senders.models import SenderAuthorization  # noqa: PLC0415 - Django is set up first

    proof = SenderAuthorization.objects.get().proven_by
    assert proof is not None
    later = SignedSample.objects.create(
        service_request=proof.service_request, source="probe", sha256="1" * 64, size=3, file="y"
    )
    connection.check_constraints()
    return {
        "proof": [proof.pk, proof.sha256, proof.is_proof, proof.evidence],
        "next_id": later.pk,
        "tokens": dict(ProbeToken.objects.values_list("service_request__reference", "token")),
        "old_table": "senders_signedsample" in connection.introspection.table_names(),
    }


if __name__ == "__main__":
    django.setup()
    if sys.argv[1:] == ["fill"]:
        fill()
    else:
        print(json.dumps(look()))
