"""Labels of choices in plain words; the database does not change."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0007_consent_to_from'),
    ]

    operations = [
        migrations.AlterField(
            model_name='campaignrequest',
            name='anonymity',
            field=models.CharField(blank=True, choices=[('anonymous', 'Anonymous: nobody can find out who answered'), ('confidential', 'Confidential: we could find out, but do not disclose it'), ('identified', 'By name')], max_length=12),
        ),
        migrations.AlterField(
            model_name='campaignrequest',
            name='consent',
            field=models.CharField(blank=True, choices=[('affirmative', 'They agreed to get such mail'), ('duty', 'They study or work here, and the mail is part of that'), ('relation', 'They are customers, donors, applicants or alumni'), ('none', 'None of these')], max_length=12),
        ),
        migrations.AlterField(
            model_name='campaignrequest',
            name='irb',
            field=models.CharField(blank=True, choices=[('not_research', 'It is not human-subjects research'), ('exempt', 'Exempt'), ('approved', 'Approved'), ('recruitment', 'It recruits people for a research study')], max_length=12),
        ),
        migrations.AlterField(
            model_name='historicalcampaignrequest',
            name='anonymity',
            field=models.CharField(blank=True, choices=[('anonymous', 'Anonymous: nobody can find out who answered'), ('confidential', 'Confidential: we could find out, but do not disclose it'), ('identified', 'By name')], max_length=12),
        ),
        migrations.AlterField(
            model_name='historicalcampaignrequest',
            name='consent',
            field=models.CharField(blank=True, choices=[('affirmative', 'They agreed to get such mail'), ('duty', 'They study or work here, and the mail is part of that'), ('relation', 'They are customers, donors, applicants or alumni'), ('none', 'None of these')], max_length=12),
        ),
        migrations.AlterField(
            model_name='historicalcampaignrequest',
            name='irb',
            field=models.CharField(blank=True, choices=[('not_research', 'It is not human-subjects research'), ('exempt', 'Exempt'), ('approved', 'Approved'), ('recruitment', 'It recruits people for a research study')], max_length=12),
        ),
    ]
