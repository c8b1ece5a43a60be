"""The table of the cache in the database, which is in use where there is no Redis (settings, CACHES)."""

from django.core.management import call_command
from django.db import migrations

TABLE = "portal_cache"


def make_table(apps, schema_editor):
    """Create the table unless it is there: earlier versions left it to `createcachetable`."""
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_directory_by_department")]
    operations = [migrations.RunPython(make_table, migrations.RunPython.noop)]
