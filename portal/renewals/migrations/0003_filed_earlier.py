"""Renewals that are under review stay on the route on which they were filed."""

from typing import Any

from django.db import migrations


def keep_routes(apps: Any, schema_editor: Any) -> None:
    """Note every renewal in its short review as filed before renewals were judged."""
    requests, judgements = apps.get_model("workflow", "ServiceRequest"), apps.get_model("renewals", "Judgement")
    under_way = requests.objects.filter(
        intention="renewal", stage="renewal", state__in=("in_review", "needs_information")
    )
    judgements.objects.bulk_create(
        [judgements(service_request_id=pk, route="earlier") for pk in under_way.values_list("pk", flat=True)],
        ignore_conflicts=True, batch_size=500,
    )


class Migration(migrations.Migration):
    """Data only."""

    dependencies = (("renewals", "0002_judgement"), ("workflow", "0003_acted_for"))
    operations = (migrations.RunPython(keep_routes, migrations.RunPython.noop),)
