"""The people of the tests, and the verbs by which they act. Kinds' own verbs stand beside: `relay_draft`."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from portal.accounts.models import AddressKind, DirectoryAddress, User
from portal.accounts.roles import Role
from portal.grants.models import Grant
from portal.lib.networks import parse_network
from portal.workflow import registry
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import answering, requesting, reviewing

DOMAIN = "ttu.edu"
SENDER = "noreply-lab@ttu.edu"
ADDRESS = "129.118.10.20"
HOST = "copier-7.ttu.edu"


@dataclass(frozen=True)
class Cast:
    """Everybody who appears in the tests."""

    requester: User
    colleague: User
    sponsor: User
    outsider: User
    reviewer: User
    second_reviewer: User
    postmaster: User
    cio: User
    auditor: User
    admin: User


_ROLES: dict[str, tuple[Role, ...]] = {
    "requester": (),
    "colleague": (),
    "sponsor": (),
    "outsider": (),
    "reviewer": (Role.REVIEWER,),
    "second_reviewer": (Role.REVIEWER,),
    "postmaster": (Role.POSTMASTER,),
    "cio": (Role.CIO,),
    "auditor": (Role.AUDITOR,),
    "admin": (Role.ADMINISTRATOR,),
}


def make_cast() -> Cast:
    """The people as the database has them; creates them, their groups and the directory's addresses where it has none.

    The database of the suite has them from its start (`tests.support.database`).
    """
    emails = {name: f"{name.replace('_', '-')}@{DOMAIN}" for name in _ROLES}
    found = {person.email: person for person in User.objects.filter(email__in=emails.values())}
    return Cast(**{name: found[email] for name, email in emails.items()} if found else _created(emails))


def _created(emails: dict[str, str]) -> dict[str, User]:
    people = {}
    for name, roles in _ROLES.items():
        person = User.objects.create_user(
            emails[name],
            "techmail-demo",
            name=name.replace("_", " ").title(),
            department="Physics",
        )
        for role in roles:
            person.groups.add(Group.objects.get_or_create(name=str(role))[0])
        people[name] = person
        DirectoryAddress.objects.get_or_create(
            address=person.email, defaults={"kind": AddressKind.PERSON, "department": "Physics"}
        )
    for local in ("noreply-lab", "alerts", "printing"):
        DirectoryAddress.objects.get_or_create(
            address=f"{local}@{DOMAIN}", defaults={"kind": AddressKind.SHARED, "department": "Physics"}
        )
    return people


def send_everybody_away() -> None:
    """Leave the database as `migrate` leaves it, for what begins with nobody, such as the demo."""
    User.objects.all().delete()
    DirectoryAddress.objects.all().delete()


def client_of(user: User) -> Client:
    """A browser in which `user` is signed in."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def fresh(service_request: ServiceRequest) -> ServiceRequest:
    """The request as the database has it."""
    return ServiceRequest.objects.get(pk=service_request.pk)


# ---------------------------------------------------------------- verbs
def relay_draft(
    cast: Cast, *, address: str = ADDRESS, sender: str = SENDER, host: str = HOST, **columns: Any
) -> ServiceRequest:
    """A relay request with every page answered, not yet submitted."""
    owner = columns.pop("requester", cast.requester)
    facts = {"purpose": "Scans to mail", "department": "Physics", **columns}
    draft = requesting.create_draft(kind=registry.get("relay"), requester=owner, **facts)
    answer_relay(draft, address=address, sender=sender, host=host)
    return fresh(draft)


def answer_relay(draft: ServiceRequest, *, address: str, sender: str, host: str) -> None:
    """Answer every page of a relay draft."""
    answering.write_answers(
        service_request=draft,
        answers={
            "system_kind": "copier",
            "capability": "neither",
            "addresses": [parse_network(address)],
            "hostname": host,
            "senders": [sender],
            "recipients": "internal",
            "typical_per_day": 20,
            "most_per_day": 100,
            "peak_per_hour": 10,
            "recipients_per_message": 1,
            "contents": "public",
            "tls": "yes",
            "after_hours_contact": "Riley, 555 0100",
            "is_attested": True,
        },
    )
    for step in draft.kind_entry.steps_for(draft):
        DraftStep.objects.update_or_create(
            service_request=draft, step=step.key, defaults={"is_complete": True, "typed": {}}
        )
    title, subject = draft.kind_entry.summarise(draft)
    ServiceRequest.objects.filter(pk=draft.pk).update(title=title, subject_key=subject)


def submitted(cast: Cast, **facts: Any) -> ServiceRequest:
    """A relay request in review."""
    draft = relay_draft(cast, **facts)
    requesting.submit(service_request=draft, actor=draft.requester, revision=draft.revision)
    return fresh(draft)


def approve(cast: Cast, service_request: ServiceRequest, **facts: Any) -> Grant:
    """Approve a request in review as the reviewer; returns the grant."""
    terms = service_request.kind_entry.default_terms(service_request, timezone.localdate())
    reviewing.approve(
        service_request=service_request,
        actor=facts.get("actor", cast.reviewer),
        revision=service_request.revision,
        comment="The system needs it.",
        terms=facts.get("terms", terms),
    )
    found = Grant.objects.filter(latest_request=service_request).first()
    assert found is not None
    return found


def approved(cast: Cast, **facts: Any) -> Grant:
    """A relay grant, fresh from approval."""
    return approve(cast, submitted(cast, **facts))
