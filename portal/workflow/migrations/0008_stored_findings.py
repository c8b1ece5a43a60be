"""A stored finding has a name of its own in the code; its table keeps its name, so no row moves."""

from django.db import migrations


class Migration(migrations.Migration):
    """Rename the model, not the table."""

    dependencies = [("workflow", "0007_who_had_a_part")]

    operations = [
        migrations.AlterModelTable("finding", "workflow_finding"),
        migrations.RenameModel("Finding", "StoredFinding"),
    ]
