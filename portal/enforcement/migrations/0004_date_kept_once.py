"""The date in doubt is one row for all who decide by it (grants.TrustedDate), no longer one for each target."""

from typing import Any

from django.db import migrations


def keep_date(apps: Any, schema_editor: Any) -> None:
    """What the runs knew of the date, the doubtful ones before the others."""
    states = apps.get_model("enforcement", "RunState").objects
    dates = apps.get_model("grants", "TrustedDate").objects
    doubtful = states.filter(doubtful_day__isnull=False).order_by("day", "pk").first()
    confirmed = states.filter(confirmed_day__isnull=False).order_by("-confirmed_day").first()
    newest = states.order_by("-day").first()
    if doubtful is not None:
        dates.create(
            pk=1,
            day=doubtful.day,
            doubtful_day=doubtful.doubtful_day,
            doubtful_since=doubtful.doubtful_since,
        )
    elif newest is not None:
        dates.create(pk=1, day=confirmed.confirmed_day if confirmed else newest.day)


class Migration(migrations.Migration):

    dependencies = [
        ('enforcement', '0003_explained_changes'),
        ('grants', '0004_trusted_date'),
    ]

    operations = [
        migrations.RunPython(keep_date, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='runstate',
            name='confirmed_day',
        ),
        migrations.RemoveField(
            model_name='runstate',
            name='doubtful_day',
        ),
        migrations.RemoveField(
            model_name='runstate',
            name='doubtful_since',
        ),
        migrations.RemoveField(
            model_name='runstate',
            name='told_day',
        ),
    ]
