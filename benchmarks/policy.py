"""How many policy requests a second the service answers, with 100 and with 100,000 grants.

    python benchmarks/policy.py [--large 100000] [--seconds 3] [--rounds 5]

Beside it, in the same run and the same Python, stands a do-nothing policy server, which reads a request's
attributes and answers DUNNO, and one that does not even read them; the rounds take turns, so that a slow minute of the machine strikes all alike. Clients
behave as Postfix does: one request at a time on a connection that stays. Since the clients are Python as
well, the processor time a request costs the server is measured too, which no client can flatter. Then
`postmap -q -` over a cidr: table of the same addresses, and the time from a reviewer's click to the other
answer at a real Postfix. Exits with 1 where a bar is missed.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bars import Bar  # noqa: E402
from benchmarks.run import call, database, environment, machine  # noqa: E402
from tests.support.ports import free_port  # noqa: E402

SMALL = 100
CONNECTIONS = 32
KEYS = 2_000
CLICKS = 80
INSTANCE = "instance-here"
TICKS = os.sysconf("SC_CLK_TCK")
INSTITUTION = (
    'campus_networks = ["127.0.0.0/8", "129.118.0.0/16", "2001:db8:4000::/48"]\nclosed_networks = []\n'
)


# ---------------------------------------------------------------- the server that does nothing
class Nothing(asyncio.Protocol):
    """Answers DUNNO to every request, having read its attributes, as every policy server must."""

    reads = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.held = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self.held += data
        while b"\n\n" in self.held:
            block, _, self.held = self.held.partition(b"\n\n")
            if self.reads:
                self.attributes = dict([line.split(b"=", 1) for line in block.split(b"\n")])
            self.transport.write(b"action=DUNNO\n\n")


class Blind(Nothing):
    """Answers DUNNO to whatever ends with an empty line: what asyncio and the sockets cost."""

    reads = False


async def do_nothing(kind: str, port: int) -> None:
    """Serve for ever."""
    protocol = {"nothing": Nothing, "blind": Blind}[kind]
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    await server.serve_forever()


# ---------------------------------------------------------------- servers as processes
@dataclass
class Server:
    """A server that is measured, and what was measured of it."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    asks: list[bytes]
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Processor seconds a request."""

    def row(self) -> str:
        """The figures as a row of a Markdown table."""
        ordered = sorted(self.latencies)
        p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
        return (
            f"| {self.name} | {median(self.rates):,.0f} | {p50:.2f} | {p99:.2f} "
            f"| {median(self.cpu) * 1e6:.1f} | {self.megabytes():.0f} |"
        )

    def processor_seconds(self) -> float:
        """What the process has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self) -> float:
        """What it holds in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def start(name: str, words: list[str], port: int, env: dict[str, str], asks: list[bytes]) -> Server:
    """Start Python with `words` and wait until it answers."""
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    while time.monotonic() - begun < 120 and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                probe.sendall(asks[0])
                if probe.recv(1000).startswith(b"action="):
                    print(f"{name}: first answer after {time.monotonic() - begun:.1f} s", flush=True)
                    return Server(name, port, process, asks)
        except OSError:
            pass
        time.sleep(0.1)
    process.kill()
    raise SystemExit(f"{name} did not start.")


def nothing_server(name: str, kind: str, env: dict[str, str]) -> Server:
    """The server that does nothing, of either kind."""
    port = free_port()
    return start(name, ["benchmarks/policy.py", "--serve", kind, str(port)], port, env, questions(SMALL))


def policy_service(name: str, grants: int, env: dict[str, str]) -> Server:
    """The portal's service on the database of `env`."""
    port = free_port()
    words = ["manage.py", "policy_service", "--listen", f"127.0.0.1:{port}"]
    return start(name, words, port, env, questions(grants))


def questions(grants: int) -> list[bytes]:
    """Requests as Postfix sends them: 16 of 20 are granted, the others are refused or none of ours."""
    from benchmarks.policy_world import address_of, sender_of  # noqa: PLC0415 - settings and path are set up first
    from tests.support.policy import request  # noqa: PLC0415 - settings and path are set up first

    dice = random.Random(grants)
    found = []
    for turn in range(5_000):
        number = dice.randrange(grants)
        client, sender = address_of(number), sender_of(number)
        if turn % 20 >= 16:
            client, sender = [
                (client, "president@ttu.edu"),
                ("129.118.250.9", sender),
                ("203.0.113.5", sender),
                (client, ""),
            ][turn % 20 - 16]
        instance = f"{turn:x}.{dice.getrandbits(40):x}"
        found.append(
            request(client_address=client, sender=sender, recipient="dean@ttu.edu", instance=instance)
        )
    return found


# ---------------------------------------------------------------- asking
def ask(server: Server, seconds: float) -> None:
    """Ask for so long on all connections and note rate, latencies and processor time."""
    chooser, numbers, marker = selectors.DefaultSelector(), itertools.count(), INSTANCE.encode()
    # Every request is a message of its own, as the hardest case is.
    asks = (
        whole.replace(marker, b"%d.%d" % (len(server.rates), next(numbers)))
        for whole in itertools.cycle(server.asks)
    )
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CONNECTIONS)]
    sent: dict[socket.socket, float] = {}
    for client in clients:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(client, selectors.EVENT_READ)
        sent[client] = time.perf_counter()
        client.sendall(next(asks))
    latencies, before, started = [], server.processor_seconds(), time.perf_counter()
    while time.perf_counter() - started < seconds:
        for key, _ in chooser.select(1.0):
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            reply = ready.recv(4096)
            if not reply.endswith(b"\n\n"):
                raise SystemExit(f"{server.name} closed a connection: the figures would mean nothing.")
            now = time.perf_counter()
            latencies.append(now - sent[ready])
            sent[ready] = now
            ready.sendall(next(asks))
    taken = time.perf_counter() - started
    server.rates.append(len(latencies) / taken)
    server.cpu.append((server.processor_seconds() - before) / len(latencies))
    server.latencies += latencies
    for client in clients:
        client.close()


def postmap(folder: Path, grants: int) -> float | None:
    """Look-ups a second of Postfix's own cidr: table of the same addresses; None where it is not installed."""
    from benchmarks.policy_world import address_of  # noqa: PLC0415 - settings and path are set up first

    program = shutil.which("postmap", path="/usr/sbin:/usr/bin")
    if program is None:
        return None
    table = folder / "clients.cidr"
    addresses = [address_of(number) for number in range(grants)]
    table.write_text("".join(f"{a}/{128 if ':' in a else 32}\ttm_r\n" for a in addresses), encoding="ascii")

    def timed(keys: list[str]) -> float:
        started = time.perf_counter()
        subprocess.run(
            [program, "-q", "-", f"cidr:{table}"],
            input="\n".join(keys) + "\n",
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - started

    dice = random.Random(1)
    keys = dice.choices(addresses, k=KEYS if grants > 1000 else 100 * KEYS)
    load_only = min(timed(addresses[:1]) for _ in range(3))
    return len(keys) / (timed(keys) - load_only)


# ---------------------------------------------------------------- the run
def main() -> int:
    """Load, measure, print; 0 where every bar is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=2, metavar=("KIND", "PORT"), help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        asyncio.run(do_nothing(wanted.serve[0], int(wanted.serve[1])))
        return 0
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="techmail-bench-policy-") as name:
        folder = Path(name)
        env = environment(folder)
        (folder / "institution.toml").write_text(INSTITUTION, encoding="utf-8")
        env |= {"INSTITUTION_FILE": str(folder / "institution.toml"), "PUBLISH_DIR": ""}
        os.environ.update(env)
        import django  # noqa: PLC0415 - settings and path are set up first

        django.setup()
        met = measure(env, folder, wanted.large, wanted.seconds, wanted.rounds)
    print("\n".join(str(bar) for bar in met), flush=True)
    return 0 if all(bar.is_met for bar in met) else 1


def measure(env: dict[str, str], folder: Path, large: int, seconds: float, rounds: int) -> list[Bar]:
    """All figures, and the bars."""
    worlds = {size: load(env, size) for size in (SMALL, large)}
    here = {"REDIS_URL": ""}
    servers: list[Server] = []
    try:
        blind = nothing_server("asyncio alone: answers without reading", "blind", env)
        nothing = nothing_server("do-nothing policy server: reads, answers DUNNO", "nothing", env)
        servers += [blind, nothing]
        small, big = (
            policy_service(f"policy service, {size:,} grants", size, worlds[size] | here)
            for size in (SMALL, large)
        )
        shared = policy_service(f"the same, {large:,}, budgets in Redis", large, worlds[large])
        servers += [small, big, shared]
        for _ in range(rounds):
            for server in servers:
                ask(server, seconds)
        print(
            "| | requests a second | p50 ms | p99 ms | processor µs a request | MB |\n|---|---:|---:|---:|---:|---:|"
        )
        print("\n".join(server.row() for server in servers), flush=True)
        for size in (SMALL, large):
            rate = postmap(folder, size)
            print(
                f"postmap -q - cidr:, {size:,} entries: {f'{rate:,.0f} look-ups a second' if rate else 'not installed'}",
                flush=True,
            )
        clicks = clicked(worlds[large], big.port)
    finally:
        for server in servers:
            server.process.terminate()
            server.process.wait(timeout=30)
    return [
        Bar("time a request, beside the do-nothing server", times(nothing.rates, big.rates), 2.0, " times"),
        Bar("processor time a request, beside the same", times(big.cpu, nothing.cpu), 2.0, " times"),
        Bar(f"time a request, {large:,} grants beside {SMALL}", times(small.rates, big.rates), 1.2, " times"),
        Bar(
            f"processor time a request, {large:,} grants beside {SMALL}",
            times(big.cpu, small.cpu),
            1.2,
            " times",
        ),
        *clicks,
    ]


def times(figures: list[float], others: list[float]) -> float:
    """How many times the others: the median over rounds, since the two of one round share the machine's mood."""
    return median(figure / other for figure, other in zip(figures, others, strict=True))


def load(env: dict[str, str], grants: int) -> dict[str, str]:
    """A database with `grants` grants; returns its environment."""
    there, started = database(env, f"policy_{grants}"), time.monotonic()
    call(["manage.py", "migrate", "--verbosity", "0"], there)
    call(["-m", "benchmarks.policy_world", "load", str(grants)], there)
    print(f"loaded {grants:,} grants in {time.monotonic() - started:.0f} s", flush=True)
    return there


def clicked(env: dict[str, str], port: int) -> list[Bar]:
    """The bars of the time from a click to the other answer; none where Postfix cannot run here."""
    if os.geteuid() != 0 or shutil.which("postfix", path="/usr/sbin:/usr/bin") is None:
        print("click to answer: not measured; it needs Postfix, and root to start it", flush=True)
        return []
    found = json.loads(call(["-m", "benchmarks.policy_world", "click", str(port), str(CLICKS)], env))
    bars = []
    for action, what in (("suspend", "first refusal"), ("resume", "first acceptance")):
        times = sorted(sample["seconds"] for sample in found if sample["action"] == action)
        print(
            f"click to {what}: median {median(times):.2f} s, most {times[-1]:.2f} s of {len(times)}",
            flush=True,
        )
        bars.append(Bar(f"click to {what} at Postfix, p95", times[int(len(times) * 0.95)], 2.0, " s"))
    return bars


if __name__ == "__main__":
    sys.exit(main())
