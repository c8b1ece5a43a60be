"""A delegation of "all" was for every campaign and survey; it stays so, now that "all" means every kind of request."""

from typing import Any

from django.db import migrations, models


def keep_their_scope(apps: Any, schema_editor: Any) -> None:
    """Nobody gets more than the office once gave them."""
    apps.get_model("campaigns", "Delegation").objects.filter(scope="all").update(scope="campaigns")


def back(apps: Any, schema_editor: Any) -> None:
    """Before, "all" was the word for every campaign and survey."""
    apps.get_model("campaigns", "Delegation").objects.filter(scope="campaigns").update(scope="all")


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0005_complaint_metrics_and_results")]

    operations = [
        migrations.AlterField(
            model_name="delegation",
            name="scope",
            field=models.CharField(
                choices=[
                    ("all", "Everything that the office decides"),
                    ("campaigns", "Every campaign and survey"),
                    ("surveys", "Surveys only"),
                    ("mailings", "Marketing and notices only"),
                ],
                default="all",
                max_length=10,
            ),
        ),
        migrations.RunPython(keep_their_scope, back),
    ]
