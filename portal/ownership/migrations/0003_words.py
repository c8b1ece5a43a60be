"""The search for an owner has its plain name in the code; its tables keep theirs, so no row moves."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Rename models and relations where only the code sees it."""

    dependencies = [("leaving", "0002_who_holds_what_is_renewed")]

    operations = [
        migrations.AlterModelTable("chase", "leaving_chase"),
        migrations.AlterModelTable("chasestep", "leaving_chasestep"),
        # The constraint stays in the database as it is; RenameField does not follow the names inside it.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveConstraint("chasestep", "one_step_per_stage")]
        ),
        migrations.RenameModel("Chase", "OwnerSearch"),
        migrations.RenameModel("ChaseStep", "OwnerSearchStep"),
        migrations.AlterField(
            "ownersearchstep",
            "chase",
            models.ForeignKey(
                db_column="chase_id",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="steps",
                to="leaving.ownersearch",
            ),
        ),
        migrations.RenameField("ownersearchstep", "chase", "search"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    "ownersearchstep",
                    models.UniqueConstraint(fields=("search", "stage"), name="one_step_per_stage"),
                )
            ]
        ),
        migrations.AlterField(
            "ownersearch",
            "grant",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="owner_searches", to="grants.grant"
            ),
        ),
    ]
