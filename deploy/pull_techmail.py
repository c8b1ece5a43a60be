#!/usr/bin/env python3
"""Pull what the portal allows onto this mail host: fetch, verify, lint, swap, reload, report.

Python 3.11 or newer and openssl 3.0 or newer; nothing else. Run it every minute from a timer, as the user that may
write the folders below and reload the mail system. It does nothing that the portal's signature does not cover: any
doubt leaves the last good files in place. When the portal is down, entries still end on their day.

    pull_techmail.py /etc/techmail/pull.ini [--repair]

    [portal]
    url = https://techmail.example.edu
    host = relay1.example.edu
    token_file = /etc/techmail/token
    keys = /etc/techmail/keys
    state = /var/lib/techmail

    [postfix]
    install = /etc/postfix/portal/postfix
    main_cf = /etc/postfix/main.cf
    reload = postfix reload

docs/exports.md has the rest. Ends with 0 when all targets are in order, with 1 when one is not.
"""

import argparse
import configparser
import difflib
import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

MOST_BYTES = 256 * 1024 * 1024
MOST_MANIFEST = 64 * 1024 * 1024
MOST_SENT = 16 * 1024 * 1024
MOST_FILES = 250_000
MOST_LINES = 60
SECONDS = 60
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}")
BEGIN, END = "# BEGIN techmail (written by pull_techmail.py)", "# END techmail"
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])


class Refused(Exception):
    """Something is not as it must be; what is live stays."""


class Bundle(NamedTuple):
    """A release whose signature was verified."""

    manifest: dict[str, Any]
    sha256: str
    files: dict[str, bytes]


# ---------------------------------------------------------------- verifying
class Unpacked(io.RawIOBase):
    """The archive without its compression, a piece at a time, and no more of it than `most` bytes in all."""

    def __init__(self, archive: bytes, most: int) -> None:
        self.source, self.most, self.given = gzip.GzipFile(fileobj=io.BytesIO(archive)), most, 0

    def readable(self) -> bool:
        """For io."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes. Raises Refused past the limit: even a header can claim a gigabyte."""
        piece = self.source.read(
            min(size, self.most - self.given + 1) if size >= 0 else self.most - self.given + 1
        )
        self.given += len(piece)
        if self.given > self.most:
            raise Refused("the archive is too large")
        return piece


def read_bundle(archive: bytes, keys: Path, target: str) -> Bundle:
    """The release in `archive`. Raises Refused unless a known key signed it, for this target, whole.

    The manifest and its signature come first in it and are verified before anything else is unpacked; the signed
    manifest then says which files come and how many bytes they have.
    """
    unpacked = Unpacked(archive, MOST_MANIFEST)
    try:
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:
            raw, signature = next_file(tar, "manifest.json"), next_file(tar, "manifest.json.sig")
            verify(raw, signature, keys)
            manifest = json.loads(raw)
            if manifest.get("format") != 1 or manifest.get("target") != target:
                raise Refused("the manifest is for something else")
            names = manifest["files"]
            most = min(int(manifest.get("bytes", MOST_BYTES)), MOST_BYTES)
            # A tar adds at most a header and padding to each file, and its own end.
            unpacked.most = unpacked.given + most + 1536 * len(names) + 65536
            files = rest_of(tar, names)
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"the archive cannot be read: {error}") from None
    if {name: digest(data) for name, data in files.items()} != names:
        raise Refused("the files are not those that the manifest names")
    return Bundle(manifest, digest(raw), files)


def next_file(tar: tarfile.TarFile, name: str) -> bytes:
    """The next member, which must be the plain file `name`. Raises Refused."""
    member = tar.next()
    if member is None or member.name != name or not member.isreg():
        raise Refused("the archive does not begin with a signed manifest")
    stream = tar.extractfile(member)
    return stream.read() if stream else b""


def rest_of(tar: tarfile.TarFile, names: "dict[str, str]") -> dict[str, bytes]:
    """The files of `names`, each once, and nothing beside them. Raises Refused."""
    found: dict[str, bytes] = {}
    if len(names) > MOST_FILES:
        raise Refused("the archive is too large")
    while (member := tar.next()) is not None:
        plain = member.name.removeprefix("files/")
        if not member.isreg() or not NAME.fullmatch(plain) or plain in found or member.name == plain:
            raise Refused(f"the archive holds {member.name[:80]!r}")
        if plain not in names:
            raise Refused("the files are not those that the manifest names")
        stream = tar.extractfile(member)
        found[plain] = stream.read() if stream else b""
    return found


def signed_manifest(archive: bytes) -> tuple[bytes, bytes]:
    """The manifest and its signature as they stand in an archive that was verified before."""
    with tarfile.open(fileobj=Unpacked(archive, MOST_MANIFEST), mode="r|") as tar:
        return next_file(tar, "manifest.json"), next_file(tar, "manifest.json.sig")


def verify(message: bytes, signature: bytes, keys: Path) -> None:
    """Raise Refused unless one of the public keys in `keys` signed `message` (Ed25519, by openssl)."""
    openssl = shutil.which("openssl", path=SBIN)
    if openssl is None:
        raise Refused("openssl is not installed, so nothing can be verified")
    with tempfile.TemporaryDirectory(prefix="techmail-") as name:
        folder = Path(name)
        (folder / "message").write_bytes(message)
        (folder / "signature").write_bytes(signature)
        for key in sorted(keys.glob("*.pem")):
            done = run(
                [
                    openssl,
                    "pkeyutl",
                    "-verify",
                    "-pubin",
                    "-inkey",
                    str(key),
                    "-rawin",
                    "-in",
                    str(folder / "message"),
                    "-sigfile",
                    str(folder / "signature"),
                ]
            )
            if done.returncode == 0 and "Signature Verified Successfully" in done.stdout:
                return
    raise Refused(f"no key in {keys} signed this")


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def folder_digest(files: dict[str, bytes]) -> str:
    """One digest for all files, as the manifest's files_sha256."""
    lines = (f"{name}\0{digest(data)}\n" for name, data in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


# ---------------------------------------------------------------- ending entries here
OWNER = re.compile(r"(?:^[#;] |; )(\S+) owner=")
CLASS = re.compile(r"^# (\S+): ")


def without_ended(bundle: Bundle, now: datetime) -> tuple[dict[str, bytes], set[str]]:
    """The files as they must be live at `now`, and the grants whose own end passed since the release."""
    last: dict[str, datetime] = {}
    for entry in bundle.manifest["entries"]:
        end = datetime.fromisoformat(entry["ends_at"])
        last[entry["grant"]] = max(end, last.get(entry["grant"], end))
    ended = {grant for grant, end in last.items() if end <= now}
    if not ended:
        return dict(bundle.files), ended
    return {name: drop(name, data, ended) for name, data in bundle.files.items()}, ended


def drop(name: str, data: bytes, ended: set[str]) -> bytes:
    """The file without the lines that stand under ended grants alone. Each block begins with a remark that names them."""
    kept: list[str] = []
    grants: list[str] = []
    for line in data.decode().split("\n"):
        if line.startswith(("#", ";")):
            grants = OWNER.findall(line) or CLASS.findall(line)
            kept.append(line)
        elif name.endswith(".csv"):
            if line.split(",")[0] not in ended:
                kept.append(line)
        elif not line or not grants or not ended.issuperset(grants):
            kept.append(line)
        elif name.endswith(".cidr"):
            # Refused by name: left out, a wider network of another grant might let the address in.
            network = line.split("\t")[0]
            kept.append(f"{network}\tREJECT 5.7.1 Relay permission {grants[0]} ended")
    return "\n".join(kept).encode()


# ---------------------------------------------------------------- asking the mail system's own reader
def lint(target: str, folder: Path, own: str) -> None:
    """Let the mail system itself read `folder`; `own` is the administrator's command. Raises Refused."""
    if own:
        refuse_unless_well(run([*shlex.split(own), str(folder)]))
    elif target == "postfix":
        lint_postfix(folder)
    elif target == "rspamd":
        lint_rspamd(folder)
    elif target == "spamassassin":
        for path in sorted(folder.glob("*.cf")):
            done = run([program("spamassassin"), "--lint", "-L", f"--cf=include {path}"])
            refuse_unless_well(done)
    else:
        raise Refused(f"set lint in the section [{target}]: this script knows no reader for it")


def lint_postfix(folder: Path) -> None:
    """Postfix skips a malformed line with a warning, so any warning counts."""
    postmap = program("postmap")
    for path in sorted(folder.iterdir()):
        if path.name == "main.cf":
            continue
        cidr = path.suffix == ".cidr"
        key, kind = ("192.0.2.1", "cidr") if cidr else ("nobody@invalid", "texthash")
        done = run([postmap, "-q", key, f"{kind}:{path}"])
        if done.returncode not in (0, 1) or done.stderr.strip():
            raise Refused(first_line(done.stderr) or "postmap failed")


def lint_rspamd(folder: Path) -> None:
    """`rspamadm configtest` on the host's own configuration with the new rules beside it."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf", prefix="techmail-") as file:
        file.write(
            '.include "$CONFDIR/rspamd.conf"\nmultimap {\n  .include "%s"\n}\n' % (folder / "multimap.conf")
        )
        file.flush()
        refuse_unless_well(run([program("rspamadm"), "configtest", "-c", file.name]))


def program(name: str) -> str:
    """Its path. Raises Refused where it is missing: nothing goes live unread."""
    found = shutil.which(name, path=SBIN)
    if found is None:
        raise Refused(f"{name} is not installed, so the files cannot be checked")
    return found


def run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command without a shell, for a minute at most."""
    try:
        return subprocess.run(  # noqa: S603 - the administrator's own commands, no shell
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"{command[0]} took too long") from None
    except OSError as error:
        raise Refused(f"{command[0]}: {error}") from None


def refuse_unless_well(done: "subprocess.CompletedProcess[str]") -> None:
    """Raise Refused with what a command complained about."""
    if done.returncode:
        raise Refused(first_line(done.stderr) or first_line(done.stdout) or f"exit code {done.returncode}")


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip()[:300] for line in text.splitlines() if line.strip()), "")


# ---------------------------------------------------------------- putting it in place
def install(files: dict[str, bytes], link: Path, label: str) -> None:
    """Write the files beside `link` and move the link onto them in one step."""
    home = link.parent / (f".{link.name}-releases")
    fresh = home / label
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o755)
    write_all(files, fresh)
    if link.exists() and not link.is_symlink():
        raise Refused(f"{link} is a folder of its own; move it away first")
    point(link, fresh)


def write_all(files: dict[str, bytes], folder: Path) -> None:
    """Write and flush every file."""
    for name, data in files.items():
        with (folder / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def point(link: Path, to: Path) -> None:
    """Move a symbolic link in one rename."""
    moving = link.with_name(f".{link.name}.new")
    if moving.is_symlink():
        moving.unlink()
    moving.symlink_to(to)
    moving.replace(link)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file in one rename, with its mode."""
    fresh = path.with_name(f".{path.name}.techmail")
    fresh.write_bytes(data)
    shutil.copymode(path, fresh)
    fresh.replace(path)


def with_fragment(current: str, fragment: str) -> str:
    """main.cf with the portal's block replaced, or added at the end."""
    block = f"{BEGIN}\n{fragment.strip()}\n{END}"
    before, begin, rest = current.partition(BEGIN)
    if begin:
        _, end, after = rest.partition(END)
        if not end:
            raise Refused("main.cf has a BEGIN techmail without its END")
        return before + block + after
    return current.rstrip("\n") + "\n\n" + block + "\n"


def clear_old(link: Path) -> None:
    """Keep the live folder and the two before it."""
    home = link.parent / (f".{link.name}-releases")
    live = link.resolve()
    old = sorted((p for p in home.iterdir() if p.resolve() != live), key=lambda p: p.stat().st_mtime)
    for folder in old[:-2]:
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------- one target
class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another place."""

    def redirect_request(self, *args: object) -> None:
        """Follow none; the answer is then an error with its code."""


OPENER = urllib.request.build_opener(NoRedirect)
SAFE_URL = re.compile(r"https://|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?/")


class TargetHost:
    """One target on this host: its section of the configuration, and what it remembers between runs."""

    def __init__(self, config: configparser.ConfigParser, target: str) -> None:
        portal, own = config["portal"], config[target]
        self.target, self.host = target, portal["host"]
        self.url = "{}/export/v1/{}".format(portal["url"].rstrip("/"), target)
        if not SAFE_URL.match(self.url):
            raise Refused("the portal's url must begin with https://")
        self.token = Path(portal["token_file"]).read_text().strip()
        self.keys, self.state = Path(portal["keys"]), Path(portal["state"]) / target
        self.link, self.lint = Path(own["install"]), own.get("lint", "")
        self.reload = own.get("reload", "")
        self.main_cf = Path(own["main_cf"]) if "main_cf" in own else None
        self.state.mkdir(parents=True, exist_ok=True)
        self.good, self.note_path = self.state / "last-good.tar.gz", self.state / "note.json"
        self.note: dict[str, Any] = json.loads(self.note_path.read_text()) if self.note_path.exists() else {}

    def remember(self, **facts: object) -> None:
        """Keep facts for the next run."""
        self.note.update(facts)
        fresh = self.note_path.with_suffix(".new")
        fresh.write_text(json.dumps(self.note))
        fresh.replace(self.note_path)

    def request(self, url: str, body: bytes | None = None, **headers: str) -> urllib.request.Request:
        """A request with this host's token."""
        return urllib.request.Request(  # noqa: S310 - __init__ lets https pass alone
            url, data=body, headers={"Authorization": "Bearer " + self.token, **headers}
        )

    def fetch(self) -> bytes | None:
        """The newest archive; None where this host has it. Raises Refused when the portal does not answer."""
        headers = {"If-None-Match": self.note["etag"]} if self.good.exists() and "etag" in self.note else {}
        try:
            with OPENER.open(self.request(self.url, **headers), timeout=SECONDS) as answer:
                archive: bytes = answer.read(MOST_BYTES + 1)
                self.etag = answer.headers.get("ETag", "")
        except urllib.error.HTTPError as error:
            if error.code == 304:
                return None
            raise Refused(f"the portal answered {error.code}") from None
        except (OSError, ValueError) as error:
            raise Refused(f"the portal does not answer: {error}") from None
        if len(archive) > MOST_BYTES:
            raise Refused("the archive is too large")
        return archive

    def last_good(self) -> Bundle | None:
        """The release that is live, verified again: nobody edits it on the disk unnoticed."""
        return read_bundle(self.good.read_bytes(), self.keys, self.target) if self.good.exists() else None

    def live_files(self) -> dict[str, bytes]:
        """What lies in the live folder."""
        if not self.link.is_dir():
            return {}
        return {path.name: path.read_bytes() for path in self.link.iterdir() if path.is_file()}

    def apply(self, files: dict[str, bytes], label: str) -> None:
        """Lint, swap, reload. Raises Refused, and then what was live is live again."""
        with tempfile.TemporaryDirectory(prefix="techmail-") as name:
            write_all(files, Path(name))
            Path(name).chmod(0o755)
            lint(self.target, Path(name), self.lint)
        before = self.link.readlink() if self.link.is_symlink() else None
        main_cf = self.main_cf.read_bytes() if self.main_cf else b""
        try:
            install(files, self.link, label)
            if self.main_cf:
                replace_file(
                    self.main_cf, with_fragment(main_cf.decode(), files["main.cf"].decode()).encode()
                )
                refuse_unless_well(run([program("postfix"), "-c", str(self.main_cf.parent), "check"]))
            if self.reload:
                refuse_unless_well(run(shlex.split(self.reload)))
        except (Refused, OSError) as error:
            self.undo(before, main_cf)
            raise Refused(str(error)) from None
        clear_old(self.link)

    def undo(self, before: Path | None, main_cf: bytes) -> None:
        """Put back what was live."""
        if before is not None:
            point(self.link, before)
        elif self.link.is_symlink():
            self.link.unlink()
        if self.main_cf:
            replace_file(self.main_cf, main_cf)
        if self.reload:
            run(shlex.split(self.reload))

    def take(self, archive: bytes, now: datetime) -> None:
        """Make a fetched release live. Raises Refused."""
        bundle = read_bundle(archive, self.keys, self.target)
        serial, epoch = bundle.manifest["serial"], bundle.manifest.get("epoch", 0)
        live = (self.note.get("epoch", 0), self.note.get("serial", 0))
        if (epoch, serial) < live:
            # The portal raises the epoch after a restore, when its serials begin again lower.
            raise Refused(
                f"release {serial} of epoch {epoch} is older than {live[1]} of epoch {live[0]}, which is live"
            )
        files, ended = without_ended(bundle, now)
        self.apply(files, "{}-{}".format(serial, now.strftime("%H%M%S%f")))
        fresh = self.good.with_suffix(".new")
        fresh.write_bytes(archive)
        fresh.replace(self.good)
        self.remember(
            epoch=epoch, serial=serial, etag=self.etag, applied_at=now.isoformat(), ended=sorted(ended)
        )

    def tend(self, bundle: Bundle, now: datetime, repair: bool) -> list[str]:
        """End what is over, or repair; returns the lines in which the live files differ from what they must be."""
        files, ended = without_ended(bundle, now)
        is_new = sorted(ended) != self.note.get("ended", [])
        if is_new or (repair and self.live_files() != files):
            self.apply(files, "{}-{}".format(bundle.manifest["serial"], now.strftime("%H%M%S%f")))
            self.remember(ended=sorted(ended), applied_at=now.isoformat())
        return differing(files, self.live_files(), self.fragment_drift(files))

    def fragment_drift(self, files: dict[str, bytes]) -> list[str]:
        """Whether the portal's block in main.cf was edited."""
        if not self.main_cf:
            return []
        current = self.main_cf.read_text()
        wanted = with_fragment(current, files["main.cf"].decode())
        return diff(str(self.main_cf), wanted, current)

    def report(self, bundle: Bundle | None, trouble: str, lines: list[str]) -> None:
        """Send the receipt. A portal that is down hears it next time."""
        live = self.live_files()
        body = {
            "target": self.target,
            "host": self.host,
            "epoch": bundle.manifest.get("epoch", 0) if bundle else 0,
            "serial": bundle.manifest["serial"] if bundle else 0,
            "sha256": bundle.sha256 if bundle else "",
            "applied_at": self.note.get("applied_at") if bundle else None,
            "lint": trouble or "ok",
            "live_sha256": folder_digest(live) if bundle else "",
            "differing": lines,
            "lapsed": self.note.get("ended", []) if bundle else [],
        }
        request = self.request(
            self.url + "/receipts", json.dumps(body).encode(), **{"Content-Type": "application/json"}
        )
        try:
            OPENER.open(request, timeout=SECONDS).close()
        except urllib.error.HTTPError as error:
            say(f"{self.target}: the receipt was not taken: {error}")
            if error.headers.get("X-TechMail-Wants") == "manifest":
                self.send_manifest()
        except (OSError, ValueError) as error:
            say(f"{self.target}: the receipt was not taken: {error}")

    def send_manifest(self) -> None:
        """Send the signed manifest of what is live: the portal lost the release, as after a restore of its backup."""
        raw, signature = signed_manifest(self.good.read_bytes())
        body = gzip.compress(signature + raw)
        if len(body) > MOST_SENT:
            say(f"{self.target}: the manifest is too large to send")
            return
        request = self.request(self.url + "/manifest", body, **{"Content-Type": "application/gzip"})
        try:
            OPENER.open(request, timeout=SECONDS).close()
        except (OSError, ValueError) as error:
            say(f"{self.target}: the manifest was not taken: {error}")


def differing(wanted: dict[str, bytes], live: dict[str, bytes], more: list[str]) -> list[str]:
    """The lines in which the live files differ, at most MOST_LINES."""
    lines: list[str] = []
    for name in sorted(set(wanted) | set(live)):
        if wanted.get(name) != live.get(name):
            lines += diff(
                name,
                wanted.get(name, b"").decode("utf-8", "replace"),
                live.get(name, b"").decode("utf-8", "replace"),
            )
        if len(lines) > MOST_LINES:
            break
    return (lines + more)[:MOST_LINES]


def diff(name: str, wanted: str, live: str) -> list[str]:
    """Missing lines with a minus, lines that nobody released with a plus."""
    pairs = difflib.unified_diff(wanted.split("\n"), live.split("\n"), lineterm="", n=0)
    changed = [line[:300] for line in list(pairs)[2:] if not line.startswith("@@")]
    return [f"{name}:", *changed[:MOST_LINES]] if changed or wanted != live else []


def tend_target(host: TargetHost, now: datetime, repair: bool) -> bool:
    """One run for one target; True where all is in order."""
    trouble, archive, is_told = "", None, True
    try:
        archive = host.fetch()
    except Refused as error:
        is_told = False
        # Not the mail system's fault: the last good files stay, and entries still end below.
        say(f"{host.target}: {error}")
    if archive is not None:
        try:
            host.take(archive, now)
        except Refused as error:
            trouble = str(error)
    try:
        bundle = host.last_good()
        lines = host.tend(bundle, now, repair) if bundle else []
    except Refused as error:
        bundle, lines, trouble = None, [], trouble or str(error)
    host.report(bundle, trouble, lines)
    for line in [trouble, *lines]:
        if line:
            say(f"{host.target}: {line}")
    return is_told and not trouble and not lines


def tend_section(config: configparser.ConfigParser, target: str, now: datetime, repair: bool) -> bool:
    """One target by its section; a section that cannot be read stops no other."""
    try:
        return tend_target(TargetHost(config, target), now, repair)
    except (Refused, OSError, KeyError, ValueError) as error:
        say(f"{target}: {error}")
        return False


def say(text: str) -> None:
    """One line for the log."""
    print("".join(char if char.isprintable() else " " for char in text), file=sys.stderr)


def main() -> int:
    """Tend every target of the configuration, one run at a time."""
    parser = argparse.ArgumentParser(description="Pull what the portal allows onto this mail host.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--repair", action="store_true", help="put back files that somebody edited")
    options = parser.parse_args()
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(options.config.read_text())
    state = Path(config["portal"]["state"])
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = datetime.now(UTC)
        targets = [section for section in config.sections() if section != "portal"]
        well = [tend_section(config, target, now, options.repair) for target in targets]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
