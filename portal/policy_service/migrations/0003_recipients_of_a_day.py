from django.db import migrations, models


class Migration(migrations.Migration):
    """Count recipients for the daily limit. The defaults stay in the database: rows are inserted by hand."""

    dependencies = [("policy_service", "0002_author_use_and_milter_hosts")]

    operations = [
        migrations.AddField("dailyuse", "recipients", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AddField("dailyuse", "external", models.PositiveIntegerField(db_default=0, default=0)),
    ]
