"""Renames only: every table and every row stays. Complaint metrics were called signals, results were called outcome."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_calendar_token_leaves")]

    operations = [
        migrations.RenameField("campaignpermission", "outcome_asked_at", "results_requested_at"),
        migrations.RenameField("historicalcampaignpermission", "outcome_asked_at", "results_requested_at"),
        migrations.RenameModel("CampaignOutcome", "CampaignResults"),
        migrations.AlterField(
            "campaignresults",
            "permission",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="results",
                serialize=False,
                to="campaigns.campaignpermission",
            ),
        ),
        migrations.RemoveConstraint("deliverysignal", "one_signal_per_campaign_and_day"),
        migrations.RemoveConstraint("deliverysignal", "signals_within_what_was_sent"),
        migrations.RenameModel("DeliverySignal", "ComplaintMetrics"),
        migrations.AlterField(
            "complaintmetrics",
            "permission",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="complaint_metrics",
                to="campaigns.campaignpermission",
            ),
        ),
        migrations.RenameIndex("complaintmetrics", new_name="metrics_by_day", old_name="signals_by_day"),
        migrations.AddConstraint(
            "complaintmetrics",
            models.UniqueConstraint(
                fields=("permission", "day"), name="one_metrics_row_per_campaign_and_day"
            ),
        ),
        migrations.AddConstraint(
            "complaintmetrics",
            models.CheckConstraint(
                condition=models.Q(
                    ("complaints__lte", models.F("sent")), ("hard_bounces__lte", models.F("sent"))
                ),
                name="metrics_within_messages_sent",
            ),
        ),
    ]
