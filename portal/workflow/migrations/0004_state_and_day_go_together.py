"""PostgreSQL learns that the live requests are those with a day.

Without it the planner multiplies the two, expects ten rows where there are thousands, and sorts them all for one page
of the queue. SQLite's planner asks no such statistics.
"""

from django.db import migrations


def learn(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(
        "CREATE STATISTICS request_state_and_day (mcv) ON state, due_on FROM workflow_servicerequest"
    )
    schema_editor.execute("ANALYZE workflow_servicerequest")


def forget(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP STATISTICS IF EXISTS request_state_and_day")


class Migration(migrations.Migration):
    dependencies = [("workflow", "0003_acted_for")]

    operations = [migrations.RunPython(learn, forget)]
