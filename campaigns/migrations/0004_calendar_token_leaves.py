"""The calendar's token is a model of `portal.sending_calendar` now; its table stays as it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_gated_lists")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="CalendarToken")]),
    ]
