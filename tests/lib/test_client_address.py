"""Where a request comes from, whatever the client claims."""

from typing import Any

import pytest
from django.test import RequestFactory

from portal.lib.client_address import UNKNOWN, client_address, client_network

PROXY = "10.0.0.1"


def asked(forwarded: str | None, peer: str = PROXY) -> Any:
    headers: dict[str, Any] = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=peer, **headers)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "peer", "found"),
    [
        (0, None, "192.0.2.7", "192.0.2.7"),
        (0, "198.51.100.1", "192.0.2.7", "192.0.2.7"),  # nobody of ours wrote it
        (0, None, "", UNKNOWN),  # a socket
        (1, "198.51.100.1", PROXY, "198.51.100.1"),
        (1, "198.51.100.1", "", "198.51.100.1"),  # gunicorn on a Unix socket
        (1, "1.1.1.1, 198.51.100.1", PROXY, "198.51.100.1"),  # the left one was typed by the client
        (1, "1.1.1.1,2.2.2.2 ,198.51.100.1 ", PROXY, "198.51.100.1"),
        (2, "1.1.1.1, 198.51.100.1, 10.0.0.2", PROXY, "198.51.100.1"),
        (2, "198.51.100.1", PROXY, UNKNOWN),  # came past the outer proxy
        (1, None, PROXY, UNKNOWN),
        (1, "", PROXY, UNKNOWN),
        (1, "unknown", PROXY, UNKNOWN),
        (1, "_x", PROXY, UNKNOWN),
        (1, "198.51.100.1, ", PROXY, UNKNOWN),
        (1, "1.2.3.4.5", PROXY, UNKNOWN),
        (1, "198.51.100.1:52311", PROXY, "198.51.100.1"),
        (1, "[2001:db8::1]:52311", PROXY, "2001:db8::1"),
        (1, "2001:0DB8:0:0::1", PROXY, "2001:db8::1"),
        (1, "::ffff:198.51.100.1", PROXY, "198.51.100.1"),
        (1, "fe80::1%eth0", PROXY, "fe80::1"),
        (1, "9" * 100_000 + ", 198.51.100.1", PROXY, "198.51.100.1"),
    ],
)
def test_the_address_of_a_client(
    settings: Any, proxies: int, forwarded: str | None, peer: str, found: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert client_address(asked(forwarded, peer)) == found


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("", UNKNOWN),
    ],
)
def test_limits_count_a_network_where_a_client_has_one(settings: Any, address: str, network: str) -> None:
    settings.TRUSTED_PROXIES = 0
    assert client_network(asked(None, address)) == network
