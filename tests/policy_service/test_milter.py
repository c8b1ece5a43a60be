"""The milter protocol, spoken by a second implementation (miltertest), within bounds and without ever guessing."""

import struct
import time
from collections.abc import Iterator
from datetime import date
from ipaddress import ip_network
from typing import Any

import pytest
from miltertest import constants

from portal.grants.relay_rules import RelayRule
from portal.policy_service import gatekeeping, gates, milter, milter_protocol
from portal.policy_service import server as server_app
from portal.policy_service.answering import Answering
from portal.policy_service.client import Limits
from portal.policy_service.gatekeeping import Gatekeeper
from portal.policy_service.gates import GatedMessage, GateUnavailable
from portal.policy_service.index import Index
from tests.policy_service.test_bounds import SlowShared
from tests.support.clock import Stopwatch
from tests.support.milter import MailServer, Milter, verdict
from tests.support.policy import Asker

CLIENT, ENDED, CAMPUS, AWAY = "129.118.10.20", "129.118.10.21", "129.118.10.22", "203.0.113.9"
LAB, LIST = "noreply-lab@ttu.edu", "all-students@ttu.edu"
FROM = ("From", f" Lab <{LAB}>")
ACCEPT, CONTINUE = constants.SMFIR_ACCEPT, constants.SMFIR_CONTINUE
PUBLIC = "http://localhost:8000/permissions/TM-R-0007/"


def rule(**facts: object) -> RelayRule:
    usual: dict[str, object] = {
        "grant_id": 7,
        "reference": "TM-R-0007",
        "state": "active",
        "changed_on": date(2026, 1, 1),
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2099, 1, 1),
        "is_held_open": False,
        "networks": (ip_network(CLIENT), ip_network("2001:db8::25")),
        "senders": (LAB,),
        "recipient_domains": None,
        "per_hour": None,
    }
    return RelayRule(**(usual | facts))  # type: ignore[arg-type]


def answering(*, max_age: float = 600.0, shared: Any = None, **facts: object) -> Answering:
    made = Answering(max_age=max_age, shared=shared)
    ended = rule(grant_id=8, reference="TM-R-0008", state="revoked", networks=(ip_network(ENDED),))
    index = Index([rule(**facts), ended], [ip_network("129.118.0.0/16")])
    made.install(index, time.monotonic())
    return made


class ListGate:
    """A gate that says what it is told to, and keeps what it was asked."""

    def __init__(self, *lists: str, says: Any = "") -> None:
        self.lists, self.says, self.asked = frozenset(lists), says, list[GatedMessage]()

    def addresses(self) -> frozenset[str]:
        return self.lists

    def judge(self, message: GatedMessage) -> str:
        self.asked.append(message)
        return str(self.says() if callable(self.says) else self.says)


@pytest.fixture(autouse=True)
def no_gates(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """No gate but those that a test puts in."""
    found: list[Any] = []
    monkeypatch.setattr(gates.GATES, "_entries", found)
    return found


@pytest.fixture
def served() -> Iterator[Milter]:
    with Milter(answering()) as running:
        yield running


# ---------------------------------------------------------------- who may pass
def test_a_permitted_message_costs_few_replies_and_no_body(served: Milter) -> None:
    with MailServer(served.port) as server:
        server.begin(CLIENT, LAB)
        assert server.action_flags == constants.SMFIF_ADDHDRS | constants.SMFIF_CHGHDRS
        silent = (
            constants.SMFIP_NOBODY,
            constants.SMFIP_NR_RCPT,
            constants.SMFIP_NOHELO,
            constants.SMFIP_NR_CONN,
            constants.SMFIP_NR_MAIL,
            constants.SMFIP_NR_HDR,
        )
        assert all(server.protocol_flags & flag for flag in silent)
        for _ in range(3):  # One session, several messages.
            server.say(constants.SMFIC_DATA)
            command, _ = server.header(FROM, ("Received", " x"), ("Subject", " Test"))
            assert command == CONTINUE  # No policy request was made: the stamp is put in at the end.
            assert server.ending() == [
                (constants.SMFIR_INSHEADER, {"index": 0, "name": "X-TechMail-Grant", "value": " TM-R-0007"}),
                (ACCEPT, {}),
            ]
            server.envelope(LAB)
    assert served.answering.batch.days[7, date.today()].accepted == 3


@pytest.mark.parametrize(
    ("client", "sender", "fields", "said"),
    [
        (
            CLIENT,
            LAB,
            [("From", "president@ttu.edu")],
            f"550 5.7.1 TM-R-0007 may show only {LAB} in From. Found: president@ttu.edu. {PUBLIC}",
        ),
        (
            CLIENT,
            LAB,
            [FROM, FROM],
            f"550 5.7.1 TM-R-0007 may show only {LAB} in From. Here the message has 2 From fields. Found: Lab <{LAB}> | Lab <{LAB}>. {PUBLIC}",
        ),
        (
            CLIENT,
            LAB,
            [],
            f"550 5.7.1 TM-R-0007 may show only {LAB} in From. Here the message has no From field. {PUBLIC}",
        ),
        (
            CLIENT,
            LAB,
            [FROM, ("sENDER ", "a@b.example")],
            f"550 5.7.1 TM-R-0007 may show only {LAB} in Sender. Found: a@b.example. {PUBLIC}",
        ),
        (CLIENT, LAB, [FROM, ("Sender", f"{LAB}, {LAB}")], "more than one address"),
        (CLIENT, LAB, [FROM, ("Sender", "")], "its Sender has no address"),
        (
            CLIENT,
            LAB,
            [FROM, ("Resent-From", LAB), ("Resent-From", "a@b.example")],
            "in Resent-From. Found: a@b.example.",
        ),
        (
            CLIENT,
            LAB,
            [("From", f'"president@ttu.edu" <{LAB}>')],
            "the name in its From looks like another address. Found: president@ttu.edu.",
        ),
        (CLIENT, LAB, [FROM, ("Subject", b"a\rFrom: president@ttu.edu")], "a CR without its LF"),
        (CLIENT, LAB, [FROM, ("Subject", b"a\0From: president@ttu.edu")], "or a NUL"),
        (CLIENT, LAB, [FROM, *[("Resent-From", LAB)] * 30], "more fields than a message needs"),
        (CLIENT, LAB, [FROM, *[("X-Much", "x")] * 1001], "more fields than a message needs"),
        (CLIENT, LAB, [FROM, *[("X-Much", "x" * 100_000)] * 11], "more fields than a message needs"),
        (CLIENT, "president@ttu.edu", [FROM], f"550 5.7.1 TM-R-0007 may send only as {LAB}."),
        (CLIENT, "", [FROM], "may not send without a sender address"),
        ("2001:db8::25", LAB, [("From", "x@ttu.edu")], "Found: x@ttu.edu"),
        ("IPv6:2001:db8::25", LAB, [("From", "x@ttu.edu")], "Found: x@ttu.edu"),
        (ENDED, LAB, [FROM], "550 5.7.1 Relay permission TM-R-0008 was revoked on 2026-01-01."),
        (CAMPUS, LAB, [FROM], f"550 5.7.1 {LAB} is for TM-R-0007 and this system has no part in it."),
        (AWAY, "x@example.com", [("From", "president@ttu.edu")], ACCEPT),
        (AWAY, "x@example.com", [], ACCEPT),
        (AWAY, "x@example.com", [("X-TechMail-Grant", "x")] * 101, "too many X-TechMail-Grant"),
    ],
)
def test_what_is_said_of_a_message(served: Milter, client: str, sender: str, fields: Any, said: str) -> None:
    assert said in verdict(client, served.port, sender, *fields)


def test_whom_a_person_signed_in_for_is_not_judged_by_the_address_unless_it_has_a_permission(
    served: Milter,
) -> None:
    shown = ("From", "person@ttu.edu")
    assert verdict(CAMPUS, served.port, "person@ttu.edu", shown, auth="PLAIN") == ACCEPT
    assert verdict(ENDED, served.port, "person@ttu.edu", shown, auth="PLAIN") == ACCEPT
    assert "Found: person@ttu.edu" in verdict(CLIENT, served.port, LAB, shown, auth="PLAIN")
    with MailServer(served.port) as server:  # The sign-in of one message says nothing of the next.
        server.begin(CAMPUS, "person@ttu.edu", auth="PLAIN")
        assert server.header(shown)[0] == ACCEPT
        server.envelope("person@ttu.edu")
        assert server.header(shown)[0] == constants.SMFIR_REPLYCODE


def test_recipients_outside_of_the_permission_are_refused() -> None:
    with Milter(answering(recipient_domains=("ttu.edu",))) as served, MailServer(served.port) as server:
        server.begin(CLIENT, LAB, ["dean@ttu.edu", "dean@cs.ttu.edu"])
        assert server.header(FROM)[0] == CONTINUE
        server.ending()
        for recipient in ("somebody@example.com", "a%example.com@ttu.edu"):
            server.envelope(LAB, ["dean@ttu.edu", recipient])
            assert "TM-R-0007 may not send to this recipient" in server.header(FROM)[1]["text"]


def test_every_foreign_stamp_is_deleted_from_the_last_to_the_first(served: Milter) -> None:
    with MailServer(served.port) as server:
        server.begin(AWAY, "x@example.com")
        stamps = [("X-TechMail-Grant", " a"), ("x-techmail-grant ", " b"), ("X-TECHMAIL-GRANT", " c")]
        assert server.header(FROM, *stamps)[0] == CONTINUE
        assert server.ending() == [
            *(
                (constants.SMFIR_CHGHEADER, {"index": index, "name": "X-TechMail-Grant", "value": ""})
                for index in (3, 2, 1)
            ),
            (ACCEPT, {}),
        ]


def test_a_message_that_the_policy_protocol_accepted_is_neither_counted_nor_stamped_again(
    served: Milter,
) -> None:
    facts = {"client_address": CLIENT, "client_port": "40123", "instance": "i1", "policy_context": "relay"}
    with Asker(served.policy_port) as postfix, MailServer(served.port) as server:
        assert postfix.ask(**facts) == "OK"
        assert (postfix.ask(protocol_state="DATA", **facts) or "").startswith("PREPEND")
        server.begin(CLIENT, LAB, port=40123)
        assert server.header(("X-TechMail-Grant", " TM-R-0007"), ("Received", " x"), FROM)[0] == ACCEPT
        # The next message of the session was not asked about: it is counted and stamped by the milter.
        server.envelope(LAB)
        assert server.header(("Received", " x"), FROM, ("X-TechMail-Grant", " TM-R-0007"))[0] == CONTINUE
        assert [name for name, _ in server.ending()] == ["m", "i", "a"]
        assert postfix.ask(**facts | {"instance": "i2"}) == "OK"
        server.envelope(LAB)
        assert server.header(("From", "president@ttu.edu"))[0] == constants.SMFIR_REPLYCODE
    batch = served.answering.batch
    tally = batch.days[7, date.today()]
    assert (tally.accepted, tally.refused) == (2, 1)
    assert {author: (t.accepted, t.refused) for author, t in batch.authors[7].items()} == {
        LAB: (2, 0),
        "president@ttu.edu": (0, 1),
    }
    assert batch.senders[7][LAB].refused == 0
    assert list(batch.hosts) == ["relay.test"]


def test_the_volume_is_kept_and_an_unknown_one_puts_off() -> None:
    with Milter(answering(per_hour=5, shared=SlowShared([0.0, 90.0, None]))) as served:
        assert verdict(CLIENT, served.port, LAB, FROM) == CONTINUE
        assert verdict(CLIENT, served.port, LAB, FROM).startswith(
            "451 4.7.1 TM-R-0007 is over 5 messages an hour"
        )
        assert verdict(CLIENT, served.port, LAB, FROM).startswith(
            "451 4.7.1 The volume of TM-R-0007 cannot be"
        )
        assert "550" in verdict(CLIENT, served.port, LAB, ("From", "a@ttu.edu"))  # Costs no round trip.


def test_the_recipients_of_a_day_are_kept_for_what_the_milter_alone_sees() -> None:
    with Milter(answering(per_day=2)) as served:
        assert verdict(CLIENT, served.port, LAB, FROM) == CONTINUE
        assert verdict(CLIENT, served.port, LAB, FROM) == CONTINUE
        assert verdict(CLIENT, served.port, LAB, FROM).startswith(
            "451 4.7.1 TM-R-0007 is over 2 recipients a day"
        )


# ---------------------------------------------------------------- in doubt
@pytest.mark.parametrize(
    "answers", [Answering(max_age=60, shared=None), answering(max_age=-1)], ids=["none", "old"]
)
def test_without_a_fresh_index_every_message_is_put_off(answers: Answering) -> None:
    with Milter(answers) as served:
        for client in (CLIENT, AWAY):
            assert verdict(client, served.port, LAB, FROM).startswith(
                "451 4.3.0 The relay permissions cannot be"
            )


def packet(command: bytes, data: bytes = b"") -> bytes:
    return struct.pack("!Lc", len(data) + 1, command) + data


OFFER = packet(b"O", struct.pack("!LLL", 6, 0x1FF, 0x1FFFFF))
HELLO = OFFER + packet(b"C", b"client.test\0004" + struct.pack("!H", 40000) + CLIENT.encode() + b"\0")
BEGUN = HELLO + packet(b"M", f"<{LAB}>\0".encode())


@pytest.mark.parametrize(
    "sent",
    [
        packet(b"M", b"<>\0"),
        packet(b"L", b"From\0x\0"),
        packet(b"O", b"short"),
        b"\0\0\0\0",
        b"\xff\xff\xff\xffX",
        packet(b"O", struct.pack("!LLL", 1, 0x1FF, 0)),
        packet(b"O", struct.pack("!LLL", 6, 0x01, 0x1FFFFF)),
        OFFER + packet(b"?"),
        OFFER + packet(b"C", b"client"),
        OFFER + packet(b"C", b"client\0004ab" + CLIENT.encode()),
        HELLO + packet(b"L", b"From\0x\0"),
        HELLO + packet(b"N"),
        HELLO + packet(b"E"),
        HELLO + packet(b"R", b"<a@ttu.edu>\0"),
        BEGUN + packet(b"L", b"From"),
        BEGUN + packet(b"L", b"From\0x"),
        BEGUN + packet(b"L", b"\0x\0"),
        BEGUN + packet(b"E"),
        BEGUN + packet(b"B", b"x"),
        BEGUN + packet(b"D", b"Mi\0"),
        BEGUN + packet(b"M", b"<a@b.example>"),
        b"GET / HTTP/1.0\r\n\r\n",
        OFFER + packet(b"C", b"client\0004ab129.118.10.20/32\0") + packet(b"M", b"<>\0") + packet(b"N"),
    ],
)
def test_what_is_no_milter_protocol_ends_the_connection_and_no_other(served: Milter, sent: bytes) -> None:
    with MailServer(served.port) as server:
        server.sock.sendall(sent)
        if sent.startswith(OFFER):
            assert server.recv()[0] == constants.SMFIC_OPTNEG
        assert server.is_closed()
    assert verdict(CLIENT, served.port, LAB, FROM) == CONTINUE


def test_packets_in_pieces_are_heard_when_they_are_whole(served: Milter) -> None:
    whole = BEGUN + packet(b"L", f"From\0{LAB}x\0".encode()) + packet(b"N")
    for size in (1, 3, 50):
        with MailServer(served.port) as server:
            server.sock.setsockopt(6, 1, 1)
            for start in range(0, len(whole), size):
                server.sock.sendall(whole[start : start + size])
                time.sleep(0.0005)
            assert server.recv()[0] == constants.SMFIC_OPTNEG
            assert server.recv()[0] == constants.SMFIR_REPLYCODE


def test_a_server_that_waits_for_every_reply_gets_every_reply(served: Milter) -> None:
    with MailServer(served.port) as server:
        server.optneg_mta(protocol=0)
        assert server.protocol_flags == 0
        server.begin(CLIENT, LAB, ["dean@ttu.edu"])
        server.say(constants.SMFIC_HELO, helo="client.test")
        server.say(constants.SMFIC_DATA)
        assert server.header(("From", f"Lab <{LAB}>"))[0] == CONTINUE
        assert server.body(b"Hello\r\n") == CONTINUE  # It was not said that it understands SKIP.
        assert server.ending() == [
            (constants.SMFIR_INSHEADER, {"index": 0, "name": "X-TechMail-Grant", "value": "TM-R-0007"}),
            (ACCEPT, {}),
        ]
        server._send(constants.SMFIC_ABORT)
        server._send(constants.SMFIC_QUIT_NC)
        server.begin(AWAY, "x@example.com", ["dean@ttu.edu"])
        assert server.header(FROM)[0] == ACCEPT
        server._send(constants.SMFIC_QUIT)
        assert server.is_closed()


def test_a_client_without_a_network_address_is_put_off(served: Milter) -> None:
    with MailServer(served.port) as server:
        server.optneg_mta()
        server.raw(b"C", b"localhost\0U")
        server.envelope(LAB)
        command, reply = server.header(FROM)
        assert (command, reply["smtpcode"]) == (constants.SMFIR_REPLYCODE, "451")


def test_slow_silent_and_too_many_servers_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_app, "SWEEP_SECONDS", 0.05)
    with Milter(answering(), Limits(connections=3, request=0.3, idle=1.5)) as served:
        slow, silent, third = (MailServer(served.port) for _ in range(3))
        slow.sock.sendall(OFFER[:-1])
        fourth = MailServer(served.port)
        assert fourth.is_closed()
        watch = Stopwatch()
        assert slow.is_closed()
        assert watch.seconds < 1.4
        assert silent.is_closed()
        assert third.is_closed()
        for server in (slow, silent, third, fourth):
            server.sock.close()


# ---------------------------------------------------------------- mail to gated lists
def test_a_gate_sees_the_whole_message_once_and_its_word_holds(no_gates: list[Any]) -> None:
    gate = ListGate(LIST)
    no_gates.append(gate)
    with Milter(answering()) as served:
        for says, code in (
            ("", ACCEPT),
            ("This list needs an approved campaign. See https://portal.example/", "550"),
        ):
            gate.says = says
            with MailServer(served.port) as server:
                server.begin(CLIENT, LAB, ["Dean@ttu.edu", f"{LIST.upper()}"])
                assert not server.protocol_flags & constants.SMFIP_NOBODY
                stamp = ("X-TechMail-Grant", " forged")
                assert server.header(("From", f" Lab\n <{LAB}>"), stamp, ("Subject", "  News"))[0] == CONTINUE
                assert server.body(b"Hello\r\n") == CONTINUE
                assert server.body(b"there\0\xff\r\n") == CONTINUE
                command, data = server.ending()[-1]
                assert data.get("smtpcode", command) == code
        passed, refused = gate.asked
    assert (
        passed.content
        == f"From: Lab\r\n <{LAB}>\r\nSubject:  News\r\n\r\nHello\r\n".encode() + b"there\0\xff\r\n"
    )
    assert (passed.client, passed.sender, passed.recipients) == (CLIENT, LAB, ("dean@ttu.edu", LIST))
    assert (passed.queue_id, refused.content) == ("4Abc", passed.content)
    tally = served.answering.batch.days[7, date.today()]
    assert (tally.accepted, tally.refused) == (1, 1)
    assert served.server.keeper.collected == 0


def test_the_gate_is_for_every_client_and_after_the_header(no_gates: list[Any]) -> None:
    gate = ListGate(LIST, says="No.")
    no_gates.append(gate)
    with Milter(answering()) as served, MailServer(served.port) as server:
        server.begin(AWAY, "x@example.com", [LIST])
        assert server.header(("From", "x@example.com"))[0] == CONTINUE
        assert server.ending()[-1][1]["text"] == "5.7.1 No."
        server.begin(CLIENT, LAB, [LIST])
        assert server.header(("From", "president@ttu.edu"))[0] == constants.SMFIR_REPLYCODE
        assert len(gate.asked) == 1


def test_other_mail_is_not_collected_where_a_list_is_gated(no_gates: list[Any]) -> None:
    gate = ListGate(LIST)
    no_gates.append(gate)
    with Milter(answering()) as served, MailServer(served.port) as server:
        server.begin(AWAY, "x@example.com", ["dean@ttu.edu"])
        assert server.header(FROM)[0] == ACCEPT
        server.envelope("x@example.com", ["dean@ttu.edu"])
        assert server.header(("X-TechMail-Grant", " forged"))[0] == CONTINUE
        assert server.body(b"x" * 65_000) == constants.SMFIR_SKIP
        assert [command for command, _ in server.ending()] == ["m", "a"]
    assert gate.asked == []


@pytest.mark.parametrize(
    "recipient",
    [
        LIST,
        "ALL-Students@TTU.edu",
        '"all-students"@ttu.edu',
        '"all\\-students"@ttu.edu',
        "all-students@ttu.edu.",
        "@a.example,@b.example:all-students@ttu.edu",
        "all-students+x@ttu.edu",
        "<all-students@ttu.edu>",
        "all-students",
        "all-students%ttu.edu@relay.test",
        "ttu.edu!all-students@relay.test",
        '"all-students@ttu.edu"@relay.test',
    ],
)
def test_a_list_is_known_however_it_is_spelled(no_gates: list[Any], recipient: str) -> None:
    no_gates.append(gate := ListGate(LIST, says="No."))
    with Milter(answering()) as served, MailServer(served.port) as server:
        server.begin(AWAY, "x@example.com", [recipient])
        server.header(FROM)
        assert server.ending()[-1][0] == constants.SMFIR_REPLYCODE
    assert gate.asked[0].recipients == (LIST,)


def _unavailable() -> str:
    raise GateUnavailable("The database does not answer.")


def _too_late() -> str:
    time.sleep(1.0)
    return ""


def broken() -> str:
    raise ZeroDivisionError


def test_a_gate_that_cannot_tell_or_takes_too_long_puts_off(no_gates: list[Any]) -> None:
    no_gates.append(gate := ListGate(LIST))
    with Milter(answering(), keeper=lambda: Gatekeeper(deadline=0.3)) as served:
        for says, is_closed in (
            (_unavailable, False),
            (_too_late, False),
            (broken, True),
        ):
            gate.says = says
            with MailServer(served.port) as server:
                server.begin(CLIENT, LAB, [LIST])
                server.header(FROM)
                watch = Stopwatch()
                if is_closed:
                    server._send(constants.SMFIC_BODYEOB)
                    assert server.is_closed()
                else:
                    assert server.ending()[-1][1]["smtpcode"] == "451"
                assert watch.seconds < 0.9
        assert served.server.keeper.collected == 0


def test_what_is_collected_is_bounded(no_gates: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatekeeping, "LARGEST_MESSAGE", 200_000)
    monkeypatch.setattr(gatekeeping, "MOST_COLLECTED", 300_000)
    monkeypatch.setattr(gatekeeping, "IN_MEMORY", 10_000)
    monkeypatch.setattr(milter, "MOST_RECIPIENTS", 10)
    no_gates.append(gate := ListGate(LIST))
    with Milter(answering()) as served:
        with MailServer(served.port) as server:
            server.begin(AWAY, "x@example.com", [LIST])
            server.header(FROM)
            replies = [server.body(b"x" * 60_000) for _ in range(5)]
            assert replies[:3] == [CONTINUE] * 3
            assert replies[4] == constants.SMFIR_SKIP
            assert server.ending()[-1][1]["smtpcode"] == "552"
        first, second = MailServer(served.port), MailServer(served.port)
        for server in (first, second):
            server.begin(AWAY, "x@example.com", [LIST])
            server.header(FROM)
            for _ in range(3):
                server.body(b"x" * 60_000)
        assert second.ending()[-1][1]["smtpcode"] == "451"
        first.sock.close()  # What it collected is let go of.
        second.begin(AWAY, "x@example.com", [LIST])
        deadline = time.monotonic() + 60
        while served.server.keeper.collected and time.monotonic() < deadline:
            time.sleep(0.01)
        assert served.server.keeper.collected == 0
        second.sock.close()
        with MailServer(served.port) as server:
            server.begin(AWAY, "x@example.com", [LIST] * 10)
            server.raw(b"R", b"<one@ttu.edu>\0")
            assert server.is_closed()
    assert gate.asked == []


def test_a_packet_is_bounded_and_a_long_field_of_postfix_is_within(served: Milter) -> None:
    long = ("X-Long", "x" * 102_400)
    assert verdict(AWAY, served.port, "x@example.com", FROM, long) == ACCEPT
    assert milter_protocol.LONGEST_PACKET >= 2 * 102_400
