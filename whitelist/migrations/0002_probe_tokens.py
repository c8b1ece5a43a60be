"""Requests from before there were probe addresses for them get theirs."""

from django.db import migrations

from portal.samples.models import new_token


def give(apps, schema_editor):
    token = apps.get_model("samples", "ProbeToken")
    pks = apps.get_model("whitelist", "WhitelistRequest").objects.values_list("service_request_id", flat=True)
    token.objects.bulk_create([token(service_request_id=pk, token=new_token()) for pk in pks])


class Migration(migrations.Migration):

    dependencies = [
        ("samples", "0001_initial"),
        ("whitelist", "0001_initial"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
