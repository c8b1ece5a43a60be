"""The groups that are the portal's roles."""

from django.db import migrations

ROLES = ("it_reviewer", "postmaster", "cio_office", "auditor", "administrator")


def make_groups(apps, schema_editor):
    """Create each role's group unless it is there."""
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop, elidable=False)]
