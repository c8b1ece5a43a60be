"""What sums up relay volume by department, and what finds hosts and senders by their domain."""

from typing import Any

from django.db import migrations, models

import portal.lib.domain_index

CHUNK = 1000


def name_departments(apps: Any, schema_editor: Any) -> None:
    """Give permissions from before the department that they were granted to, as relay.services.department_key has it."""
    permissions = apps.get_model("relay", "RelayPermission")
    changed = [
        permissions(pk=pk, department_key=" ".join(name.casefold().split()))
        for pk, name in permissions.objects.exclude(grant__department="").values_list("pk", "grant__department")
    ]
    permissions.objects.bulk_update(changed, ["department_key"], batch_size=CHUNK)


class Migration(migrations.Migration):

    dependencies = [
        ('grants', '0003_owners_who_leave'),
        ('relay', '0002_volume_and_mailboxes'),
        ('workflow', '0007_who_had_a_part'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalrelaypermission',
            name='department_key',
            field=models.CharField(blank=True, db_index=True, max_length=150),
        ),
        migrations.AddField(
            model_name='relaypermission',
            name='department_key',
            field=models.CharField(blank=True, db_index=True, max_length=150),
        ),
        migrations.AddIndex(
            model_name='permittedsender',
            index=portal.lib.domain_index.DomainIndex(fields=['address'], name='relay_senders_by_domain'),
        ),
        migrations.AddIndex(
            model_name='relaypermission',
            index=models.Index(fields=['hostname'], name='relay_by_host'),
        ),
        migrations.AddIndex(
            model_name='relaypermission',
            index=portal.lib.domain_index.DomainIndex(fields=['hostname'], name='relay_by_domain'),
        ),
        migrations.AddIndex(
            model_name='relayrequest',
            index=models.Index(fields=['hostname'], name='relay_requests_by_host'),
        ),
        migrations.AddIndex(
            model_name='relayrequest',
            index=portal.lib.domain_index.DomainIndex(fields=['hostname'], name='relay_requests_by_domain'),
        ),
        migrations.AddIndex(
            model_name='relaysender',
            index=models.Index(fields=['address'], name='relay_wishes_by_sender'),
        ),
        migrations.AddIndex(
            model_name='relaysender',
            index=portal.lib.domain_index.DomainIndex(fields=['address'], name='relay_wishes_by_domain'),
        ),
        migrations.RunPython(name_departments, migrations.RunPython.noop),
    ]
