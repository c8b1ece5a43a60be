"""100,000 generated messages through the milter and through the reading of samples, against parsers that are not ours.

    python -m benchmarks.milter_messages [--messages 100000] [--seed 1]

Each goes through the milter as packets. Whatever passes for one permitted address must show no other address to
Python's two parsers and to Perl's Mail::Address; whatever domain a sample is judged to be from (check_message) must
be the only one that they find. Nothing may crash or take a second. Exits with 1 where something does.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LAB, OTHER = "lab@ttu.edu", "president@ttu.edu"
PIECES = [
    LAB,
    OTHER,
    f"<{LAB}>",
    f"<{LAB}>",
    f"<{OTHER}>",
    f'"{OTHER}"',
    f'"{LAB}"',
    "lab",
    "president",
    "@",
    "ttu.edu",
    "<",
    ">",
    '"',
    "(",
    ")",
    ",",
    ";",
    ":",
    "\\",
    ".",
    " ",
    " ",
    " ",
    "\t",
    "\n ",
    "Lab",
    '"Lab"',
    "Office: ",
    "(x)",
    "(a (b))",
    "=?utf-8?q?",
    "?=",
    "=40",
    "_",
    "=?utf-8?q?president=40ttu.edu?=",
    "=?utf-8?b?cHJlc2lkZW50QHR0dS5lZHU=?=",
    "=?utf-8?q?Lab?=",
    "\u00e9",
    "\uff20",
    "\u200b",
    "[",
    "]",
    "\0",
    "\r",
    "=?us-ascii?q?=2C?=",
    "@a,@b:",
    "'",
    "%",
    "!",
    "\u202e",
    "via ",
    "\x0b",
    "\x85",
    "\ufeff",
    "=?",
    "`",
    "{",
    '"a, b" ',
    "J. Doe ",
    "(c) ",
    '\\"',
]
NAMES = [
    "From",
    "From",
    "From",
    "from",
    "FROM",
    "Sender",
    "Resent-From",
    "Resent-Sender",
    "Subject",
    "X-From",
    "To",
]
WATCHED_NAMES = frozenset({"from", "sender", "resent-from", "resent-sender"})
LONGEST_SECONDS = 1.0
Header = list[tuple[str, bytes]]


def fields(number: int, *, seed: int) -> Iterator[str]:
    """So many values of fields, from nearly right to nonsense."""
    dice = random.Random(seed)
    for _ in range(number):
        text = "".join(dice.choices(PIECES, k=dice.randrange(8)))
        yield f"{text} <{LAB}>" if dice.random() < 0.4 else text


def messages(number: int, *, seed: int) -> Iterator[Header]:
    """So many headers: names and values."""
    dice, values = random.Random(seed + 1), fields(4 * number, seed=seed)
    for _ in range(number):
        yield [(dice.choice(NAMES), next(values).encode()) for _ in range(dice.choice([1, 1, 1, 2, 2, 3]))]


def milter() -> Callable[[Header], bool]:
    """A function that says whether the milter lets a message with this header pass."""
    from portal.policy_service import milter_protocol as wire  # noqa: PLC0415 - settings and path are set up first
    from portal.policy_service.gatekeeping import Gatekeeper  # noqa: PLC0415 - settings and path are set up first
    from portal.policy_service.milter import Conversation  # noqa: PLC0415 - settings and path are set up first
    from tests.policy_service.test_milter import HELLO, answering, packet  # noqa: PLC0415 - settings and path are set up first

    keeper, answers = Gatekeeper(), answering(senders=(LAB,))

    def hear(header: Header) -> bool:
        conversation, stream, reply = Conversation(answers, keeper), wire.Packets(), b""
        said = b"".join(packet(b"L", name.encode() + b"\0" + value + b"\0") for name, value in header)
        stream.feed(HELLO + packet(b"M", f"<{LAB}>\0".encode()) + said + packet(b"N"))
        while (whole := stream.next()) is not None:
            heard = conversation.hear(whole)
            assert isinstance(heard, bytes)
            reply = heard
        is_passed = reply in (wire.CONTINUE, wire.ACCEPT)
        assert is_passed or reply[4:8] == b"y550", reply
        return is_passed

    return hear


def sample_domain(header: Header) -> str | None:
    """The domain that a sample with this header is judged to be from; None where it has none."""
    from portal.mailauth.author import read_author  # noqa: PLC0415 - settings and path are set up first
    from portal.mailauth.message_intake import MessageRefused, read_message  # noqa: PLC0415 - settings and path are set up first

    lines = (name.encode() + b": " + value.replace(b"\n", b"\r\n") + b"\r\n" for name, value in header)
    try:
        return read_author(read_message(b"".join(lines) + b"\r\nHello\r\n")).domain
    except MessageRefused:
        return None


def ascii_domain(address: str) -> str:
    """The domain of an address as the DNS knows it, or as it stands where it is none."""
    from portal.mailauth.names import DomainRefused, parse_domain  # noqa: PLC0415 - settings and path are set up first

    domain = address.rpartition("@")[2]
    try:
        return parse_domain(domain).ascii
    except DomainRefused:
        return domain


def disagreements(passed: list[str], domains: dict[str, str]) -> int:
    """How often another parser finds something else in what passed, or was judged; each is printed."""
    from tests.lib.test_address_fields import (  # noqa: PLC0415 - settings and path are set up first
        by_email_policy,
        by_email_utils,
        by_mail_address,
        has_mail_address,
    )

    values, found = [*passed, *domains], 0
    readings = {"email.policy": map(by_email_policy, values), "email.utils": map(by_email_utils, values)}
    if has_mail_address():
        readings["Mail::Address"] = map(list, by_mail_address(values))
    for name, reading in readings.items():
        for place, (value, addresses) in enumerate(zip(values, reading, strict=True)):
            if place < len(passed):
                is_alike = {address.lower() for address in addresses} == {LAB}
            else:
                is_alike = {ascii_domain(address) for address in addresses} == {domains[value]}
            if not is_alike:
                found += 1
                print(f"{name} reads {addresses!r} in {value!r}")
    print(
        f"{len(passed):,} different fields passed, {len(domains):,} gave a sample its domain; "
        f"{len(readings)} other parsers, {found} disagreements"
    )
    return found


def main() -> int:
    """Generate, judge, compare; 0 where nothing disagrees."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django  # noqa: PLC0415 - settings and path are set up first

    django.setup()
    hear, passed, worst, spent = milter(), dict[str, None](), 0.0, 0.0
    domains: dict[str, str] = {}
    hear([("From", b"=?utf-8?q?x?= <lab@ttu.edu>")])  # What is imported on first use is no reading.
    for header in messages(wanted.messages, seed=wanted.seed):
        started = time.thread_time()
        is_passed = hear(header)
        took = time.thread_time() - started
        domain = sample_domain(header)
        worst, spent = max(worst, took, time.thread_time() - started - took), spent + took
        authors = [value.decode() for name, value in header if name.lower() == "from"]
        if is_passed:
            if len(authors) != 1:
                print(f"passed without exactly one From: {header!r}")
                return 1
            passed |= dict.fromkeys(value.decode() for name, value in header if name.lower() in WATCHED_NAMES)
        if domain is not None:
            domains[authors[0]] = domain
    each = spent / wanted.messages * 1e6
    print(
        f"{wanted.messages:,} messages, {each:.1f} µs of the processor each in the milter, worst {worst * 1000:.1f} ms"
    )
    return 0 if not disagreements(list(passed), domains) and worst < LONGEST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
