"""What the policy service answers, what the exported maps say and what the database says are one thing."""

from dataclasses import dataclass
from datetime import date, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.grants.models import Grant
from portal.grants.relay_rules import REMEMBERED_DAYS
from portal.grants.states import GrantState
from portal.institution import institution
from portal.policy_service.changes import rules_for
from portal.policy_service.decisions import PolicyOutcome, decide
from portal.policy_service.index import Index
from portal.policy_service.protocol import parse
from portal.policy_service.replies import reject
from portal.workflow import registry
from portal.workflow.models import ServiceRequest
from portal.workflow.services import requesting
from relay import exports
from relay.models import PermittedAddress, PermittedSender, RelayPermission
from tests.cast import Cast
from tests.policy_service.maps import Maps
from tests.support.policy import request

pytestmark = [pytest.mark.django_db]
DAY = date(2026, 3, 10)
NETWORKS = (
    "129.118.10.20/32",
    "129.118.10.21/32",
    "129.118.10.16/28",
    "129.118.10.0/24",
    "129.118.0.0/16",
    "2001:db8:4000:10::25/128",
    "2001:db8:4000:10::/64",
    "2001:db8:4000::/48",
    "203.0.113.7/32",
)
CLIENTS = (
    "129.118.10.20",
    "129.118.10.21",
    "129.118.10.22",
    "129.118.10.200",
    "129.118.99.9",
    "203.0.113.7",
    "198.51.100.1",
    "2001:db8:4000:10::25",
    "2001:db8:4000:10::26",
    "2001:db8:4000:11::1",
    "2001:db8:9::1",
)
SENDERS = ("alerts@ttu.edu", "noreply-lab@ttu.edu", "printing@ttu.edu")
ASKED_SENDERS = (
    *SENDERS,
    "ALERTS@ttu.edu",
    "",
    "president@ttu.edu",
    "alerts@cs.ttu.edu",
    "ttu.edu",
    "alerts@",
)
RECIPIENTS = (
    "dean@ttu.edu",
    "Dean@CS.TTU.edu",
    "a@example.com",
    "b@mail.example.com",
    "x@nottu.edu",
    "c@example.org",
    "nobody",
)


@dataclass(frozen=True)
class Facts:
    """One grant to be made."""

    networks: tuple[str, ...]
    senders: tuple[str, ...]
    recipients: str
    domains: str
    state: str
    starts: int
    ends: int
    is_held_open: bool


def _some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(tuple)


FACTS = st.builds(
    Facts,
    networks=_some(NETWORKS),
    senders=_some(SENDERS),
    recipients=st.sampled_from(["internal", "domains", "anyone"]),
    domains=st.sampled_from(["", "example.com", "mail.example.com\nexample.org"]),
    state=st.sampled_from([*GrantState.values, GrantState.ACTIVE, GrantState.ACTIVE]),
    starts=st.integers(-20, 5),
    ends=st.one_of(
        st.integers(0, 10), st.integers(REMEMBERED_DAYS - 2, REMEMBERED_DAYS + 2).map(lambda n: -n)
    ),
    is_held_open=st.booleans(),
)


def make(owner: Any, about: ServiceRequest, facts: Facts) -> Grant:
    starts = min(facts.starts, facts.ends)
    grant = Grant.objects.create(
        kind="relay",
        reference=about.reference,
        request=about,
        latest_request=about,
        owner=owner,
        title="A grant",
        state=facts.state,
        starts_on=DAY + timedelta(days=starts),
        ends_on=DAY + timedelta(days=facts.ends),
        held_open_by=about if facts.is_held_open else None,
    )
    permission = RelayPermission.objects.create(
        grant=grant, hostname="h.ttu.edu", recipients=facts.recipients, recipient_domains=facts.domains
    )
    PermittedAddress.objects.bulk_create(
        PermittedAddress(permission=permission, network=ip_network(text)) for text in facts.networks
    )
    PermittedSender.objects.bulk_create(
        PermittedSender(permission=permission, address=sender) for sender in facts.senders
    )
    return grant


def of_the_database(client: str, sender: str, recipient: str, day: date) -> str:
    """ "allowed", "refused" or "silent" by plain queries: the narrowest network that anybody has decides."""
    live = Grant.objects.in_force(day)
    narrowest: list[tuple[int, int, RelayPermission | None]] = []
    for row in PermittedAddress.objects.select_related("permission__grant"):
        network, grant = row.network, row.permission.grant
        if network.version != ip_address(client).version or ip_address(client) not in network:
            continue
        if live.filter(pk=grant.pk).exists():
            narrowest.append((-network.prefixlen, 0, row.permission))
        elif grant.ends_on >= day - timedelta(days=REMEMBERED_DAYS) and not (
            grant.state == GrantState.ACTIVE and grant.starts_on > day
        ):
            narrowest.append((-network.prefixlen, 1, None))
    campus = (
        network for network in institution().campus_networks if network.version == ip_address(client).version
    )
    narrowest += [(-network.prefixlen, 2, None) for network in campus if ip_address(client) in network]
    if not narrowest:
        return "silent"
    best = min(entry[:2] for entry in narrowest)
    holders = [permission for *place, permission in narrowest if tuple(place) == best and permission]
    holder = min(holders, key=lambda permission: exports.class_of(permission.grant.reference), default=None)
    if holder is None or sender.lower() not in {row.address for row in holder.senders.all()}:
        return "refused"
    domain = "." + recipient.lower().rpartition("@")[2]
    scope = [institution().mail_domain, *holder.recipient_domains.split()]
    is_inside = "@" in recipient and any(domain.endswith(f".{name}") for name in scope)
    return "allowed" if holder.recipients == "anyone" or is_inside else "refused"


@pytest.fixture
def requests(cast: Cast) -> list[ServiceRequest]:
    kind = registry.get("relay")
    return [requesting.create_draft(kind=kind, requester=cast.requester, purpose="Scans") for _ in range(4)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(everything=st.lists(FACTS, max_size=4), offset=st.integers(-25, 12), data=st.data())
def test_service_map_and_database_agree_for_any_grants_on_any_day(
    cast: Cast, requests: list[ServiceRequest], everything: list[Facts], offset: int, data: st.DataObject
) -> None:
    day = DAY + timedelta(days=offset)
    with transaction.atomic():
        grants = [
            make(cast.requester, about, facts) for about, facts in zip(requests, everything, strict=False)
        ]
        index = Index(
            [rule for rule in rules_for(grant.pk for grant in grants).values() if rule],
            institution().campus_networks,
        )
        maps = Maps(exports.PostfixRelay().render(day=day, install_path="/etc/postfix/portal").files)
        for client in CLIENTS:
            sender = data.draw(st.sampled_from(ASKED_SENDERS))
            recipient = data.draw(st.sampled_from(RECIPIENTS))
            ask = parse(request(client_address=client, sender=sender, recipient=recipient)[:-2])
            decision = decide(index, ask, day)
            said = {PolicyOutcome.ACCEPTED: "OK", PolicyOutcome.SILENT: "DUNNO"}.get(decision.outcome)
            said = said or reject(decision.say() if decision.say else "")
            assert said == maps.say(client, sender, recipient), (client, sender, recipient)
            stored = {"OK": "allowed", "DUNNO": "silent"}.get(said, "refused")
            assert stored == of_the_database(client, sender, recipient, day), (client, sender, recipient)
        transaction.set_rollback(True)


def test_an_index_that_nobody_touches_ends_a_grant_on_its_day(
    cast: Cast, requests: list[ServiceRequest]
) -> None:
    facts = Facts(NETWORKS[:1], SENDERS[:1], "anyone", "", "active", 0, 3, False)
    grant = make(cast.requester, requests[0], facts)
    index = Index(filter(None, rules_for([grant.pk]).values()), institution().campus_networks)
    ask = parse(request(client_address=CLIENTS[0], sender=SENDERS[0])[:-2])
    outcomes = [decide(index, ask, DAY + timedelta(days=offset)).outcome for offset in range(-1, 5)]
    assert outcomes == ["refused", "accepted", "accepted", "accepted", "accepted", "refused"]
    held = Facts(NETWORKS[:1], SENDERS[:1], "anyone", "", "active", 0, 3, True)
    grant.delete()
    index = Index(
        filter(None, rules_for([make(cast.requester, requests[0], held).pk]).values()),
        institution().campus_networks,
    )
    assert decide(index, ask, DAY + timedelta(days=4)).outcome == "accepted"
