"""Whose consent the address in From takes, and what they answered."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0006_delegations_by_kind")]

    operations = [
        migrations.AddField(
            model_name='campaignrequest',
            name='asked_of',
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name='campaignrequest',
            name='consent_asked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='campaignrequest',
            name='consent_given_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='campaignrequest',
            name='consent_refused_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalcampaignrequest',
            name='asked_of',
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name='historicalcampaignrequest',
            name='consent_asked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalcampaignrequest',
            name='consent_given_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalcampaignrequest',
            name='consent_refused_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
