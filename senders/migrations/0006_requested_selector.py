"""The model of a requested selector has a plain name; its table keeps its name, so no row moves."""

from django.db import migrations


class Migration(migrations.Migration):
    """Rename the model, not the table."""

    dependencies = [("senders", "0005_consents_of_owners")]

    operations = [
        migrations.AlterModelTable("selectorwish", "senders_selectorwish"),
        migrations.RenameModel("SelectorWish", "RequestedSelector"),
    ]
