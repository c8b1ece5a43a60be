"""The proof that a permission's mail is signed, its reminders, and probe addresses for relay requests of before."""

import secrets

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def give_tokens(apps, schema_editor):
    """A probe address for each relay request that is open, or that an open permission rests on."""
    ServiceRequest = apps.get_model("workflow", "ServiceRequest")
    Grant = apps.get_model("grants", "Grant")
    ProbeToken = apps.get_model("samples", "ProbeToken")
    resting = Grant.objects.filter(kind="relay", state__in=("unproven", "active", "suspended"))
    wanted = ServiceRequest.objects.filter(kind="relay", probe_token__isnull=True).filter(
        models.Q(state__in=("draft", "in_review", "needs_information"))
        | models.Q(pk__in=resting.values("latest_request"))
    )
    keys = list(wanted.values_list("pk", flat=True))
    for begin in range(0, len(keys), 1000):
        ProbeToken.objects.bulk_create(
            ProbeToken(service_request_id=pk, token=secrets.token_hex(10)) for pk in keys[begin : begin + 1000]
        )


class Migration(migrations.Migration):

    dependencies = [
        ('grants', '0003_owners_who_leave'),
        ('samples', '0001_initial'),
        ('workflow', '0002_live_requests_by_day'),
    ]

    operations = [
        migrations.CreateModel(
            name='SigningProof',
            fields=[
                ('grant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='signing_proof', serialize=False, to='grants.grant')),
                ('from_address', models.EmailField(max_length=254)),
                ('signing_domain', models.CharField(max_length=253)),
                ('proven_at', models.DateTimeField()),
                ('outdated_at', models.DateTimeField(blank=True, null=True)),
                ('sample', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='samples.signedsample')),
            ],
        ),
        migrations.CreateModel(
            name='ProofReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_on', models.DateField()),
                ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('grant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proof_reminders', to='grants.grant')),
            ],
            options={
                'ordering': ('due_on',),
                'constraints': [models.UniqueConstraint(fields=('grant', 'due_on'), name='one_proof_reminder_per_due_day')],
            },
        ),
        migrations.RunPython(give_tokens, migrations.RunPython.noop),
    ]
