from typing import Any

from django.db import migrations, models
from django.db.models import F

from portal.institution import institution

CHUNK = 1000
_ASKED = "grant__latest_request__relay__"


def limit_what_is_in_force(apps: Any, schema_editor: Any) -> None:
    """Give permissions from before there was a daily limit one that cuts off nothing they said they send.

    That is the institution's limit for mail without the CIO, or twice what their request stated where that is more.
    Where the request stated nothing there is no limit until the next renewal (docs/decisions/0014-relay-volumes.md).
    """
    permissions, place = apps.get_model("relay", "RelayPermission"), institution()
    columns = [f"{_ASKED}{name}" for name in ("typical_per_day", "recipients_per_message", "external_per_day")]
    changed = []
    for pk, recipients, typical, at_once, external in permissions.objects.values_list("pk", "recipients", *columns):
        row = permissions(pk=pk)
        row.per_day = max(place.daily_volume_limit, 2 * typical, at_once or 1) if typical is not None else None
        is_known = recipients != "internal" and external is not None
        row.external_per_day = max(place.daily_external_limit, 2 * external) if is_known else None
        changed.append(row)
    permissions.objects.bulk_update(changed, ["per_day", "external_per_day"], batch_size=CHUNK)


def note_who_was_asked(apps: Any, schema_editor: Any) -> None:
    """Until now only people were asked, about their own addresses."""
    senders = apps.get_model("relay", "RelaySender").objects
    for answered in ("consent_asked_at", "consent_given_at", "consent_refused_at"):
        senders.filter(**{f"{answered}__isnull": False}).update(asked_of=F("address"))


class Migration(migrations.Migration):
    """Daily limits on permissions, the figure asked for them, and whose consent a sender takes."""

    dependencies = [
        ('relay', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalrelaypermission',
            name='external_per_day',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalrelaypermission',
            name='per_day',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalrelayrequest',
            name='most_per_day',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='relaypermission',
            name='external_per_day',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='relaypermission',
            name='per_day',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='relayrequest',
            name='most_per_day',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='relaysender',
            name='asked_of',
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AlterField(
            model_name='permittedsender',
            name='address',
            field=models.EmailField(db_index=True, max_length=254),
        ),
        migrations.RunPython(limit_what_is_in_force, migrations.RunPython.noop),
        migrations.RunPython(note_who_was_asked, migrations.RunPython.noop),
    ]
