"""`manage.py load_demo`: the demo accounts, a small directory and each kind's requests, in DEBUG alone.

Running it twice changes nothing.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError

from portal.accounts.models import AddressKind, DirectoryAddress, User
from portal.accounts.roles import Role
from portal.institution import institution
from portal.workflow import demo

PASSWORD = "techmail-demo"  # noqa: S105 - the demo accounts' public password, in DEBUG alone
PEOPLE: tuple[tuple[str, str, str, str, tuple[Role, ...]], ...] = (
    ("requester", "Riley Ortega", "Physics and Astronomy", "Lab manager", ()),
    ("colleague", "Casey Lindqvist", "Physics and Astronomy", "Business coordinator", ()),
    ("reviewer", "Robin Abara", "Information Technology", "Mail engineer", (Role.REVIEWER, Role.POSTMASTER)),
    (
        "second-reviewer",
        "Jordan Castellanos",
        "Information Technology",
        "Postmaster",
        (Role.REVIEWER, Role.POSTMASTER),
    ),
    ("cio", "Morgan Whitfield", "Office of the CIO", "Chief of staff", (Role.CIO,)),
    ("auditor", "Ash Nakamura", "Internal Audit", "Auditor", (Role.AUDITOR,)),
    ("admin", "Alex Moreau", "Information Technology", "Administrator", (Role.ADMINISTRATOR,)),
)


MAILBOXES = ("noreply-lab", "physics-copier", "alerts", "printing")


class Command(BaseCommand):
    """Create the demo people, the mailboxes that a demo needs, and requests to look at."""

    help = "Create the demo accounts and requests (DEBUG only)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or repair each account and print it."""
        if not settings.DEMO_ACCOUNTS:
            raise CommandError("Demo accounts exist only with DEBUG and DEMO_ACCOUNTS on.")
        domain = institution().mail_domain
        for local, name, department, title, roles in PEOPLE:
            email = f"{local}@{domain}"
            user = User.objects.filter(email=email).first() or User.objects.create_user(
                email, PASSWORD, name=name, department=department, title=title
            )
            user.groups.set(Group.objects.get_or_create(name=str(role))[0] for role in roles)
            self._add_address(email, AddressKind.PERSON, name, department)
            self.stdout.write(f"{email:28} {PASSWORD}  {', '.join(role.label for role in roles) or 'staff'}")
        for local in MAILBOXES:
            self._add_address(f"{local}@{domain}", AddressKind.SHARED, "", PEOPLE[0][2])
        # The demo's vendors are in no DNS; nobody should wait for it at the first start.
        settings.DNS_DEADLINE_SECONDS = min(settings.DNS_DEADLINE_SECONDS, 0.5)
        demo.load({local: User.objects.get(email=f"{local}@{domain}") for local, *_ in PEOPLE})

    def _add_address(self, address: str, kind: AddressKind, name: str, department: str) -> None:
        facts = {"kind": kind, "name": name, "department": department}
        DirectoryAddress.objects.get_or_create(address=address, defaults=facts)
