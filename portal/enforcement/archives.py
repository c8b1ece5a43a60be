"""The archive that a mail host pulls: a compressed tar of `manifest.json`, `manifest.json.sig` and the files.

The same files, serial and moment give the same bytes.
"""

import gzip
import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.utils import timezone

from portal.enforcement.targets import Entry

FORMAT = 1
CHUNK_BYTES = 256 * 1024
LEASE_DAYS = 7
"""How long an entry stays past its term while a renewal is open; each nightly release extends it again."""


def files_digest(digests: Mapping[str, str]) -> str:
    """One digest for a folder: SHA-256 over lines of name, NUL and the file's own SHA-256, sorted by name."""
    lines = (f"{name}\0{digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def last_day(entry: Entry, day: date) -> date:
    """The last day on which a host may keep `entry` without a newer release, as of `day`."""
    return entry.ends_on if entry.ends_on >= day else day + timedelta(days=LEASE_DAYS)


def ends_at(day: date) -> datetime:
    """The first moment after `day` in the institution's zone, in UTC."""
    midnight = datetime.combine(day + timedelta(days=1), time(), timezone.get_default_timezone())
    return midnight.astimezone(UTC)


def manifest_bytes(
    *, facts: Mapping[str, Any], digests: Mapping[str, str], entries: tuple[Entry, ...], day: date
) -> bytes:
    """The manifest: `facts`, each file's digest, and each entry with its grant and last day."""
    manifest = {
        "format": FORMAT,
        **facts,
        "files": dict(sorted(digests.items())),
        "files_sha256": files_digest(digests),
        "grants": sorted({entry.grant for entry in entries}),
    }
    head = json.dumps(manifest, indent=1, sort_keys=True).removesuffix("\n}")
    # One entry a line, built as text: a hundred thousand objects would take a hundred megabytes.
    rows = ",\n".join(_row(entry, day) for entry in entries)
    return f'{head},\n "entries": [\n{rows}\n ]\n}}\n'.encode()


def _row(entry: Entry, day: date) -> str:
    last = last_day(entry, day)
    return "  " + json.dumps(
        {
            "grant": entry.grant,
            "value": entry.value,
            "ends_on": last.isoformat(),
            "ends_at": _end_of(last, settings.TIME_ZONE),
        }
    )


@lru_cache(maxsize=2048)
def _end_of(day: date, zone: str) -> str:
    return ends_at(day).isoformat()


def write_archive(to: IO[bytes], *, manifest: bytes, signature: bytes, files: Mapping[str, str]) -> None:
    """Write the archive, the manifest and its signature first."""
    with (
        gzip.GzipFile(fileobj=to, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        _add(archive, "manifest.json", manifest)
        _add(archive, "manifest.json.sig", signature)
        for name, text in sorted(files.items()):
            _add(archive, f"files/{name}", text.encode())


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    archive.addfile(member, BytesIO(content))


def chunks_of(source: IO[bytes]) -> Iterator[bytes]:
    """The rest of `source`, in chunks."""
    while piece := source.read(CHUNK_BYTES):
        yield piece
