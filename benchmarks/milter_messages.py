"""100,000 generated messages through the milter's reading of the header, against parsers that are not ours.

    python -m benchmarks.milter_messages [--messages 100000] [--seed 1]

Whatever is accepted for one permitted address must show no other address to Python's two parsers and to Perl's
Mail::Address; nothing may crash or take a second. Exits with 1 where something does.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LAB, OTHER = "lab@ttu.edu", "president@ttu.edu"
PIECES = [
    LAB, OTHER, f"<{LAB}>", f"<{LAB}>", f"<{OTHER}>", f'"{OTHER}"', f'"{LAB}"', "lab", "president", "@", "ttu.edu", "<", ">",
    '"', "(", ")", ",", ";", ":", "\\", ".", " ", " ", " ", "\t", "\n ", "Lab", '"Lab"', "Office: ", "(x)", "(a (b))",
    "=?utf-8?q?", "?=", "=40", "_", "=?utf-8?q?president=40ttu.edu?=", "=?utf-8?b?cHJlc2lkZW50QHR0dS5lZHU=?=",
    "=?utf-8?q?Lab?=", "\u00e9", "\uff20", "\u200b", "[", "]", "\0", "\r", "=?us-ascii?q?=2C?=", "@a,@b:", "'", "%", "!",
    "\u202e", "via ", "\x0b", "\x85", "\ufeff", "=?", "`", "{", '"a, b" ', "J. Doe ", "(c) ", "\\\"",
]  # fmt: skip
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
LONGEST_SECONDS = 1.0


def fields(number: int, *, seed: int) -> Iterator[str]:
    """So many values of fields, from nearly right to nonsense."""
    dice = random.Random(seed)
    for _ in range(number):
        text = "".join(dice.choices(PIECES, k=dice.randrange(8)))
        yield f"{text} <{LAB}>" if dice.random() < 0.4 else text


def messages(number: int, *, seed: int) -> Iterator[list[tuple[str, str]]]:
    """So many headers: names and values."""
    dice, values = random.Random(seed + 1), fields(4 * number, seed=seed)
    for _ in range(number):
        yield [(dice.choice(NAMES), next(values)) for _ in range(dice.choice([1, 1, 1, 2, 2, 3]))]


def main() -> int:
    """Generate, judge, compare; 0 where nothing disagrees."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    from portal.grants.relay_rules import RelayRule
    from portal.policy_service.header_from import WATCHED, Field, judge
    from tests.lib.test_address_fields import (
        by_email_policy,
        by_email_utils,
        by_mail_address,
        has_mail_address,
    )

    rule = RelayRule(
        grant_id=1, reference="TM-R-0001", state="active", changed_on=date(2026, 1, 1), starts_on=date(2026, 1, 1),
        ends_on=date(2099, 1, 1), is_held_open=False, networks=("129.118.10.20/32",), senders=(LAB,),
        recipient_domains=None, per_hour=None,
    )  # fmt: skip
    taken, worst, accepted, spent = [], 0.0, 0, 0.0
    for header in messages(wanted.messages, seed=wanted.seed):
        watched = [
            Field(WATCHED[n.lower().encode()], v.encode()) for n, v in header if n.lower().encode() in WATCHED
        ]
        started = time.perf_counter()
        verdict = judge(rule, watched)
        took = time.perf_counter() - started
        worst, spent = max(worst, took), spent + took
        if isinstance(verdict, str):
            accepted += 1
            taken += [value for name, value in header if name.lower().encode() in WATCHED]
            if sum(name.lower() == "from" for name, _ in header) != 1:
                print(f"accepted without exactly one From: {header!r}")
                return 1
    print(
        f"{wanted.messages:,} messages, {accepted:,} accepted; {spent / wanted.messages * 1e6:.1f} µs each, worst {worst * 1000:.1f} ms"
    )
    taken = list(dict.fromkeys(taken))
    readings = {"email.policy": map(by_email_policy, taken), "email.utils": map(by_email_utils, taken)}
    if has_mail_address():
        readings["Mail::Address"] = iter(by_mail_address(taken))
    disagreements = 0
    for parser_name, found in readings.items():
        for value, addresses in zip(taken, found, strict=True):
            if {address.lower() for address in addresses} != {LAB}:
                disagreements += 1
                print(f"{parser_name} reads {addresses!r} in {value!r}")
    print(
        f"{len(taken):,} different accepted fields, {len(readings)} other parsers, {disagreements} disagreements"
    )
    return 0 if not disagreements and worst < LONGEST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
