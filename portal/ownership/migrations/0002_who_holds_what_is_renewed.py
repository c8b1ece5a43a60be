"""Who holds a permission has a part in the open requests about it: existing rows, for four eyes by history."""

from django.db import migrations

OPEN = ("draft", "in_review", "needs_information")


def fill(apps, schema_editor):
    """Owners, co-owners and people to whom it is offered."""
    about = apps.get_model("grants", "GrantRequest").objects.filter(service_request__state__in=OPEN)
    Handover = apps.get_model("grants", "Handover")
    Participation = apps.get_model("workflow", "Participation")
    rows = []
    for one in about.select_related("grant").iterator():
        offered = Handover.objects.filter(grant=one.grant_id, closed_at__isnull=True)
        people = {one.grant.owner_id, one.grant.co_owner_id, *offered.values_list("offered_to", flat=True)}
        rows += [
            Participation(service_request_id=one.pk, person_id=pk, part="holder") for pk in people - {None}
        ]
    Participation.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [
        ("leaving", "0001_owners_who_leave"),
        ("grants", "0003_owners_who_leave"),
        ("workflow", "0007_who_had_a_part"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
