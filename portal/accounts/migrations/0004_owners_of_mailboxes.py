from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_owners_who_leave")]

    operations = [
        migrations.AddField("directoryaddress", "owner", models.EmailField(blank=True, default="", max_length=254), preserve_default=False),
    ]
