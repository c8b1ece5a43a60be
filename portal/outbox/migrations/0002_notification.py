"""The model is called what it is, a notification; its table keeps its name, so no row moves."""

from django.db import migrations


class Migration(migrations.Migration):
    """Rename the model, not the table."""

    dependencies = [("outbox", "0001_initial")]

    operations = [
        migrations.AlterModelTable("outboxmessage", "outbox_outboxmessage"),
        migrations.RenameModel("OutboxMessage", "Notification"),
    ]
