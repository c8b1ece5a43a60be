"""Networks as values: what the database finds is what Python says, by an index; and an address is parsed once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.enforcement.targets import EXPORT_TARGETS
from portal.grants.subjects import NetworkSubject
from portal.lib import networks as parsing
from portal.lib.network_field import NetworkField, of_sortable, sortable
from portal.lib.networks import Network, NetworkRefused, overlaps
from portal.policy_service.changes import all_rules
from portal.policy_service.index import Index
from portal.workflow.services import requesting
from relay.models import PermittedAddress, RelayAddress
from tests.cast import Cast, approve, approved, client_of, fresh, relay_draft, submitted

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
ROWS = 4000
Address = IPv4Address | IPv6Address

NEAR = st.builds(
    lambda base, number, length: ip_network((base + number, length), strict=False),
    st.sampled_from([int(ip_address("129.118.0.0"))]),
    st.integers(0, 0xFFFF),
    st.integers(8, 32),
)
"""Networks of one neighborhood, many of which lie in each other."""
NEAR_IPV6 = st.builds(
    lambda number, length: IPv6Network(((0x20010DB8 << 96) + number, length), strict=False),
    st.integers(0, 0xFFFF),
    st.integers(100, 128),
)
ANY = st.one_of(st.ip_addresses().map(ip_network), NEAR, NEAR_IPV6) | st.builds(
    lambda address, share: ip_network((address, address.max_prefixlen * share // 100), strict=False),
    st.ip_addresses(),
    st.integers(0, 100),
)


def by_order(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


# ---------------------------------------------------------------- the field
@given(ANY)
def test_sortable_text_is_the_network(network: Network) -> None:
    assert of_sortable(sortable(network)) == network


@given(st.lists(ANY, max_size=20))
def test_sortable_text_sorts_as_networks_do(found: list[Network]) -> None:
    assert sorted(found, key=sortable) == sorted(found, key=by_order)


def test_the_database_finds_what_python_says(cast: Cast) -> None:
    asked = relay_draft(cast).relay
    rows = RelayAddress.objects.filter(relay_request=asked)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(ANY, min_size=1, max_size=12), st.lists(ANY, max_size=3), st.lists(st.ip_addresses()))
    def same(kept: list[Network], others: list[Network], far: list[Address]) -> None:
        rows.delete()
        RelayAddress.objects.bulk_create(RelayAddress(relay_request=asked, network=one) for one in kept)
        assert list(rows.order_by("id").values_list("network", flat=True)) == kept
        assert list(rows.order_by("network", "id").values_list("network", flat=True)) == sorted(
            kept, key=by_order
        )
        ends = [end for one in [*kept, *others] for end in (one.network_address, one.broadcast_address)]
        for address in [*ends, *far]:
            found = set(rows.filter(network__contains_address=address).values_list("network", flat=True))
            assert found == {one for one in kept if address in one}, address
        for other in [*kept, *others]:
            found = set(rows.filter(network__overlaps=other).values_list("network", flat=True))
            assert found == {one for one in kept if overlaps(one, other)}, other
            found = set(rows.filter(network__contains_network=other).values_list("network", flat=True))
            assert found == {one for one in kept if parsing.is_inside(other, (one,))}, other
            assert rows.filter(network=other).count() == kept.count(other)
            assert rows.filter(network__in=[other]).count() == kept.count(other)

    same()


def test_what_is_no_network_is_refused_by_the_field() -> None:
    field = NetworkField()
    with pytest.raises(ValidationError, match="does not appear to be"):
        field.to_python("copier-7")
    with pytest.raises(ValueError, match="has host bits set"):
        RelayAddress.objects.filter(network="192.0.2.9/29").exists()
    with pytest.raises(TypeError, match="asks for an address"):
        RelayAddress.objects.filter(network__contains_address="192.0.2.8/29").exists()


# ---------------------------------------------------------------- by an index
@pytest.fixture
def crowd(cast: Cast) -> None:
    """One permission and request of the usual address, and so many others that an index is worth it."""
    grant = approved(cast)
    asked = relay_draft(cast, address="129.118.30.30").relay
    addresses = [ip_network(f"129.118.{64 + number // 250}.{number % 250}") for number in range(ROWS)]
    PermittedAddress.objects.bulk_create(
        PermittedAddress(permission=grant.relay, network=one) for one in addresses
    )
    RelayAddress.objects.bulk_create(RelayAddress(relay_request=asked, network=one) for one in addresses)
    with connection.cursor() as cursor:
        for model in (PermittedAddress, RelayAddress):
            cursor.execute(f"ANALYZE {model._meta.db_table}")


@pytest.mark.parametrize(
    ("model", "index"),
    [(PermittedAddress, "relay_by_network"), (RelayAddress, "relay_requests_by_network")],
    ids=["permitted", "requested"],
)
@pytest.mark.parametrize(
    "condition",
    [
        {"network__contains_address": ip_address("129.118.10.20")},
        {"network__contains_network": ip_network("129.118.10.20")},
        {"network__overlaps": ip_network("129.118.10.16/28")},
        {"network": ip_network("129.118.10.20")},
    ],
    ids=lambda condition: next(iter(condition)),
)
def test_networks_are_found_by_an_index_among_many(
    crowd: None, model: Any, index: str, condition: dict[str, Any]
) -> None:
    rows = model.objects.filter(**condition)
    assert rows.count() == 1
    plan = rows.order_by().explain()
    assert index in plan, plan
    assert "Seq Scan" not in plan
    assert "SCAN " not in plan


# ---------------------------------------------------------------- stored rows and forms
def test_a_stricter_form_refuses_no_stored_address(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = approved(cast)
    request = grant.request

    def strict(network: Network) -> None:
        raise NetworkRefused("Not any more.")

    monkeypatch.setattr(parsing, "_refuse_special", strict)
    with pytest.raises(NetworkRefused):
        parsing.parse_network("129.118.10.20")
    for path in (f"/permissions/{grant.reference}/", f"/requests/{request.reference}/"):
        response = client_of(cast.reviewer).get(path)
        assert response.status_code == 200, path
        assert "129.118.10.20" in response.content.decode()
    assert grant.kind_entry.check(fresh(request))
    assert grant.kind_entry.granted_answers(grant)["addresses"] == [ip_network("129.118.10.20")]
    subject = NetworkSubject(ip_network("129.118.10.0/24"))
    assert [hit.pk for hit in grant.kind_entry.grants_that_allow(subject)] == [grant.pk]
    for target in EXPORT_TARGETS:
        if target.kind == "relay":
            assert target.render(day=timezone.localdate(), install_path="/etc/portal").entries


BEFORE = [("relay", "0003_departments_and_domains")]


@pytest.mark.django_db(transaction=True)
def test_addresses_from_before_keep_their_networks(cast: Cast) -> None:
    grant, waiting = approved(cast), submitted(cast, address="2001:db8:4000:10::/126")
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    spelled = ["129.118.40.8/29", "2001:db8:4000:40::25/128", "0.0.0.0/0", "192.0.2.9/29"]
    try:
        MigrationExecutor(connection).migrate(BEFORE)
        apps = MigrationExecutor(connection).loader.project_state(BEFORE).apps
        old = apps.get_model("relay", "PermittedAddress")
        kept = old.objects.get(permission=grant.pk)
        assert (kept.network, kept.first, kept.last) == ("129.118.10.20/32", "4:81760a14", "4:81760a14")
        asked = apps.get_model("relay", "RelayAddress").objects.get(relay_request=waiting.pk)
        assert asked.network == "2001:db8:4000:10::/126"
        for text in spelled:
            old.objects.create(permission_id=grant.pk, network=text, first="4:", last="4:")
    finally:
        MigrationExecutor(connection).migrate(newest)
    found = PermittedAddress.objects.filter(permission=grant.pk).values_list("network", flat=True)
    wanted = ["129.118.10.20/32", *spelled[:3], "192.0.2.8/29"]
    assert list(found) == [ip_network(text) for text in wanted]
    assert RelayAddress.objects.get(relay_request=waiting.pk).network == IPv6Network("2001:db8:4000:10::/126")
    assert PermittedAddress.objects.filter(network__contains_address=ip_address("192.0.2.15")).count() == 2
    connection.check_constraints()


# ---------------------------------------------------------------- one way
RANGE = "129.118.44.8/29"


@contextmanager
def conversions(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], list[str]]]:
    """Which functions make a network of text, and text of a network; the field's own are left out."""
    into: list[str] = []
    out: list[str] = []
    read, written = IPv4Network.__init__, IPv4Network.__str__

    def caller() -> str:
        frame = sys._getframe(2)
        while "ipaddress" in frame.f_code.co_filename:
            assert frame.f_back is not None
            frame = frame.f_back
        path = Path(frame.f_code.co_filename)
        where = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        return f"{where}:{frame.f_code.co_name}"

    def reads(self: IPv4Network, address: Any, strict: bool = True) -> None:
        if isinstance(address, str) and not (name := caller()).startswith("portal/lib/network_field.py"):
            into.append(name)
        read(self, address, strict)

    def writes(self: IPv4Network) -> str:
        text, name = written(self), caller()
        if text == RANGE and not name.startswith("portal/lib/network_field.py"):
            out.append(name)
        return text

    with monkeypatch.context() as patched:
        patched.setattr(IPv4Network, "__init__", reads)
        patched.setattr(IPv4Network, "__str__", writes)
        yield into, out


def test_an_address_is_parsed_once_on_its_way_to_the_map(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = relay_draft(cast)
    postfix = next(target for target in EXPORT_TARGETS if target.key == "postfix")
    with conversions(monkeypatch) as (into, out):
        page = {
            "revision": draft.revision,
            "addresses": [RANGE],
            "hostname": "copier-7.ttu.edu",
            "range_reason": "Eight copiers.",
        }
        response = client_of(cast.requester).post(f"/requests/{draft.reference}/edit/network/", page)
        assert response.status_code == 302
        assert into == ["portal/lib/networks.py:parse_network"]
        draft = fresh(draft)
        requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
        approve(cast, fresh(draft))
        assert into == ["portal/lib/networks.py:parse_network"]
        out.clear()  # what was said to people
        export = postfix.render(day=timezone.localdate(), install_path="/etc/portal")
        # Once for the map, and once for the list that the guard compares with the last release.
        assert sorted(out) == ["relay/exports.py:_row", "relay/exports.py:entries_of"]
        Index(all_rules(), ())
        assert into == ["portal/lib/networks.py:parse_network"]
    assert f"{RANGE}\ttm_r_" in export.files["relay_clients.cidr"]
