"""Samples and probe tokens move to a room that every kind may use: copy the rows, with their ids.

Apart from the change of the schema that follows: PostgreSQL alters no table on which checks are still pending.
"""

from django.core.management.color import no_style
from django.db import migrations

COLUMNS = (
    "id", "service_request_id", "source", "received_at", "sha256", "size", "file", "came_from", "outcome",
    "reason", "is_proof", "evidence", "judged_at",
)


def copy(apps, schema_editor):
    old, new = apps.get_model("senders", "SignedSample"), apps.get_model("samples", "SignedSample")
    for row in old.objects.order_by("id").values(*COLUMNS).iterator(chunk_size=500):
        new.objects.create(**row)
    token = apps.get_model("samples", "ProbeToken")
    rows = apps.get_model("senders", "SenderRequest").objects.values_list("service_request_id", "token")
    token.objects.bulk_create([token(service_request_id=pk, token=text) for pk, text in rows])
    with schema_editor.connection.cursor() as cursor:
        for sql in schema_editor.connection.ops.sequence_reset_sql(no_style(), [new]):
            cursor.execute(sql)


class Migration(migrations.Migration):

    dependencies = [
        ("samples", "0001_initial"),
        ("senders", "0001_initial"),
    ]

    operations = [migrations.RunPython(copy)]
