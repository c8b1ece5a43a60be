"""How many messages a second Postfix takes with the milter, beside the same Postfix with a do-nothing milter.

    python benchmarks/milter.py [--grants 100000] [--messages 600] [--rounds 5] [--clicks 40]

The do-nothing milters are Python on asyncio as well. One is lean: it agrees to hear the header alone, reads it, and
accepts at its end, which is the least that a milter that looks at headers can do. The other is plain: it hears everything and
says "continue" to each. Postfix's own smtp-source sends. The rounds take turns, so that a slow minute of the machine
strikes all alike. Then the time from a reviewer's click to the first refusal by the milter. Exits with 1 where a bar is missed.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bars import Bar  # noqa: E402
from benchmarks.policy import INSTITUTION, Server, load, start, times  # noqa: E402
from benchmarks.run import call, environment, machine  # noqa: E402
from tests.support.policy import request  # noqa: E402
from tests.support.ports import free_port  # noqa: E402
from tests.support.postfix import PostfixServer  # noqa: E402

SESSIONS = 16
LEAST_SHARE = 0.7
MOST_SECONDS = 2.0
LEAN_STEPS = 0x12F592
"""No hello, body or unknown commands; no reply to connect, mail, recipients and header; as the portal's milter agrees."""


# ---------------------------------------------------------------- the milters that do nothing
class Nothing(asyncio.Protocol):
    """Reads every packet and every header's name and value; accepts at the end of the header, or of the message."""

    steps = LEAN_STEPS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.held, self.headers = transport, b"", list[tuple[bytes, bytes]]()

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self.held += data
        while len(self.held) >= 5:
            size = int.from_bytes(self.held[:4], "big")
            if len(self.held) < 4 + size:
                return
            command, rest = self.held[4:5], self.held[5 : 4 + size]
            self.held = self.held[4 + size :]
            reply = self.answer(command, rest)
            if reply:
                self.transport.write(reply)

    def answer(self, command: bytes, rest: bytes) -> bytes:
        """The reply to one packet."""
        if command == b"O":
            return b"\0\0\0\rO\0\0\0\6\0\0\0\0" + self.steps.to_bytes(4, "big")
        if command == b"L":
            name, _, value = rest.partition(b"\0")
            self.headers.append((name, value))
        return self.verdict(command)

    def verdict(self, command: bytes) -> bytes:
        """Accept at the end of the header."""
        if command == b"N":
            self.headers = []
            return b"\0\0\0\1a"
        return b"\0\0\0\1c" if command == b"T" else b""


class Plain(Nothing):
    """Hears everything."""

    steps = 0

    def verdict(self, command: bytes) -> bytes:
        """Go on, whatever it is."""
        if command == b"E":
            self.headers = []
        return b"" if command in b"ADQK" else b"\0\0\0\1c"


async def do_nothing(kind: str, port: int) -> None:
    """Serve for ever."""
    protocol = {"lean": Nothing, "plain": Plain}[kind]
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    await server.serve_forever()


# ---------------------------------------------------------------- sending
def rate(postfix: PostfixServer, messages: int) -> float:
    """Messages a second that Postfix takes from smtp-source; ends the benchmark where one is refused."""
    from benchmarks.policy_world import BUSY_SENDER  # noqa: PLC0415 - settings and path are set up first

    program = shutil.which("smtp-source", path="/usr/sbin:/usr/bin")
    assert program is not None
    started = time.perf_counter()
    done = subprocess.run(
        [
            program,
            "-s",
            str(SESSIONS),
            "-m",
            str(messages),
            "-l",
            "2000",
            "-f",
            BUSY_SENDER,
            "-t",
            "a@example.com",
            f"127.0.0.1:{postfix.port}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - started
    if done.returncode or done.stderr:
        raise SystemExit(f"smtp-source: {done.stderr[-1000:]}")
    return messages / took


def measure(env: dict[str, str], wanted: argparse.Namespace) -> list[Bar]:
    """All figures, and the bars."""
    there = load(env, wanted.grants)
    ports = {kind: free_port() for kind in ("lean", "plain", "milter")}
    nothings = [
        subprocess.Popen(
            [sys.executable, "benchmarks/milter.py", "--serve", kind, str(ports[kind])], cwd=ROOT
        )
        for kind in ("lean", "plain")
    ]
    service: Server | None = None
    try:
        policy = free_port()
        words = [
            "manage.py",
            "policy_service",
            "--listen",
            f"127.0.0.1:{policy}",
            "--milter",
            f"127.0.0.1:{ports['milter']}",
        ]
        service = start("policy service", words, policy, there, [request(client_address="203.0.113.9")])
        rates = sent(ports, policy, wanted)
        for name, taken in rates.items():
            print(
                f"{name}: {median(taken):,.0f} messages a second ({', '.join(f'{one:,.0f}' for one in taken)})",
                flush=True,
            )
        clicks = json.loads(
            call(
                [
                    "-m",
                    "benchmarks.policy_world",
                    "click",
                    str(policy),
                    str(2 * wanted.clicks),
                    str(ports["milter"]),
                ],
                there,
            )
        )
    finally:
        for process in (*nothings, *([service.process] if service else [])):
            process.terminate()
            process.wait(timeout=30)
    seconds = sorted(sample["seconds"] for sample in clicks if sample["action"] == "suspend")
    print(
        f"click to first refusal by the milter: median {median(seconds):.2f} s, most {seconds[-1]:.2f} s of {len(seconds)}"
    )
    return [
        Bar(
            "time a message, policy protocol and milter, beside the lean do-nothing milter",
            times(rates["policy, lean"], rates["policy, milter"]),
            1 / LEAST_SHARE,
            " times",
        ),
        Bar(
            "time a message, milter alone, beside the lean do-nothing milter",
            times(rates["alone, lean"], rates["alone, milter"]),
            1 / LEAST_SHARE,
            " times",
        ),
        Bar(
            "click to first refusal by the milter, p95", seconds[int(len(seconds) * 0.95)], MOST_SECONDS, " s"
        ),
    ]


def sent(ports: dict[str, int], policy: int, wanted: argparse.Namespace) -> dict[str, list[float]]:
    """The rates of every round, by what Postfix asked."""
    from benchmarks.policy_world import PERMIT_ALL  # noqa: PLC0415 - settings and path are set up first

    found: dict[str, list[float]] = {}
    program = shutil.which("postfix", path="/usr/sbin:/usr/bin")
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="techmail-bench-milter-") as folder:
        postfix = PostfixServer(Path(folder), program)
        postfix.start()
        try:
            for number in range(wanted.rounds + 1):
                for way in ("alone", "policy"):
                    for kind, milter in ((None, None), *ports.items()):
                        more = PERMIT_ALL if way == "alone" else ""
                        postfix.ask_policy(None if way == "alone" else policy, milter=milter, more=more)
                        rate(postfix, 20)  # Processes start.
                        taken = rate(postfix, wanted.messages)
                        if number:
                            found.setdefault(f"{way}, {kind or 'no milter'}", []).append(taken)
        finally:
            postfix.stop()
    return found


def main() -> int:
    """Load, measure, print; 0 where every bar is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grants", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clicks", type=int, default=40)
    parser.add_argument("--serve", nargs=2, metavar=("KIND", "PORT"), help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        asyncio.run(do_nothing(wanted.serve[0], int(wanted.serve[1])))
        return 0
    if os.geteuid() != 0 or shutil.which("postfix", path="/usr/sbin:/usr/bin") is None:
        raise SystemExit("This needs Postfix, and root to start it.")
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="techmail-bench-policy-") as name:
        folder = Path(name)
        env = environment(folder)
        (folder / "institution.toml").write_text(INSTITUTION, encoding="utf-8")
        env |= {"INSTITUTION_FILE": str(folder / "institution.toml"), "PUBLISH_DIR": "", "REDIS_URL": ""}
        os.environ.update(env)
        import django  # noqa: PLC0415 - settings and path are set up first

        django.setup()
        met = measure(env, wanted)
    print("\n".join(str(bar) for bar in met), flush=True)
    return 0 if all(bar.is_met for bar in met) else 1


if __name__ == "__main__":
    sys.exit(main())
