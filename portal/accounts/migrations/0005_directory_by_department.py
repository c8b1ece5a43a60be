"""The people of a department are found by an index."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_owners_of_mailboxes'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='directoryaddress',
            index=models.Index(django.db.models.functions.text.Upper('department'), name='directory_by_department'),
        ),
    ]
