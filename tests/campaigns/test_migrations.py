"""Moves and renames of models keep every row, in both directions."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from campaigns.models import CampaignPermission, CampaignResults, ComplaintMetrics
from portal.sending_calendar.models import CalendarToken
from tests.campaigns import cast as campaigns
from tests.cast import Cast, approve

BEFORE = [("sending_calendar", None), ("campaigns", "0003_gated_lists")]


def rows() -> dict[str, list[Any]]:
    return {
        "token": list(CalendarToken.objects.values_list("person__email", "token_sha256", "created_at")),
        "metrics": list(ComplaintMetrics.objects.values_list("permission", "day", "sent", "complaints")),
        "results": list(CampaignResults.objects.values_list("permission", "sent", "note", "noted_at")),
        "requested": list(CampaignPermission.objects.values_list("pk", "results_requested_at")),
        "history": list(CampaignPermission.history.values_list("pk", "results_requested_at")),
    }


@pytest.mark.django_db(transaction=True)
def test_the_calendar_token_and_the_renamed_models_keep_their_rows(cast: Cast) -> None:
    grant = approve(cast, campaigns.submitted(cast), actor=cast.cio)
    permission = CampaignPermission.objects.get(grant=grant)
    permission.results_requested_at = timezone.now()
    permission.save()
    CalendarToken.objects.create(person=cast.cio, token_sha256="a" * 64)
    ComplaintMetrics.objects.create(permission=permission, day=grant.starts_on, sent=900, complaints=2)
    CampaignResults.objects.create(
        permission=permission, sent=900, complaints=2, note="Fine.", noted_by=cast.requester
    )
    now = rows()
    assert all(now.values())
    newest: list[tuple[str, str | None]] = list(MigrationExecutor(connection).loader.graph.leaf_nodes())
    try:
        MigrationExecutor(connection).migrate(BEFORE)
        old = MigrationExecutor(connection).loader.project_state([("campaigns", "0003_gated_lists")]).apps
        assert old.get_model("campaigns", "CalendarToken").objects.get().token_sha256 == "a" * 64
        assert old.get_model("campaigns", "DeliverySignal").objects.get().sent == 900
        assert old.get_model("campaigns", "CampaignOutcome").objects.get().note == "Fine."
    finally:
        MigrationExecutor(connection).migrate(newest)
    assert rows() == now
    connection.check_constraints()
