"""What a host unpacks of an archive before its signature is verified: the manifest alone, within a bound."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from portal.enforcement import archives, signing
from tests.enforcement.pulled import script
from tests.enforcement.pulling import KEY


@pytest.fixture
def keys(tmp_path: Path, settings: Any) -> Path:
    settings.EXPORT_SIGNING_KEY = KEY
    (tmp_path / "key.pem").write_text(signing.public_pem())
    return tmp_path


def archive(files: Mapping[str, str], **changes: Any) -> bytes:
    """An archive as the portal writes it, signed; `changes` are facts of the manifest."""
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    facts = {"target": "postfix", "epoch": 0, "serial": 1, "bytes": sum(map(len, files.values())), **changes}
    manifest = archives.manifest_bytes(facts=facts, digests=digests, entries=(), day=date(2026, 11, 24))
    to = io.BytesIO()
    archives.write_archive(to, manifest=manifest, signature=signing.sign(manifest), files=files)
    return to.getvalue()


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    to = io.BytesIO()
    with gzip.GzipFile(fileobj=to, mode="wb") as zipped, tarfile.open(fileobj=zipped, mode="w|") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return to.getvalue()


def test_a_whole_archive_is_read(keys: Path) -> None:
    files = {"main.cf": "x = y\n", "relay_clients.cidr": "# a\n" * 5000}
    found = script().read_bundle(archive(files), keys, "postfix")
    assert found.files == {name: text.encode() for name, text in files.items()}


def test_nothing_but_the_manifest_is_unpacked_before_the_signature_is_verified(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[int] = []
    whole = script().Unpacked

    class Watched(whole):  # type: ignore[misc, valid-type]
        def read(self, size: int = -1) -> bytes:
            piece: bytes = super().read(size)
            unpacked.append(len(piece))
            return piece

    monkeypatch.setattr(script(), "Unpacked", Watched)
    (keys / "key.pem").unlink()
    with pytest.raises(script().Refused, match="no key"):
        script().read_bundle(archive({"big": "x" * 50_000_000}), keys, "postfix")
    assert sum(unpacked) < 100_000


def test_a_header_that_claims_a_gigabyte_is_refused_at_the_bound(keys: Path) -> None:
    # A GNU long name is read whole by tarfile before the member shows.
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1_200_000_000
    to = io.BytesIO()
    with gzip.GzipFile(fileobj=to, mode="wb", compresslevel=1) as zipped:
        zipped.write(name.tobuf(tarfile.GNU_FORMAT))
        for _ in range(200):
            zipped.write(bytes(1_000_000))
    with pytest.raises(script().Refused, match="too large"):
        script().read_bundle(to.getvalue(), keys, "postfix")


def test_files_beyond_what_the_signed_manifest_says_are_refused(keys: Path) -> None:
    with pytest.raises(script().Refused, match="too large"):
        script().read_bundle(archive({"big": "x" * 5_000_000}, bytes=10), keys, "postfix")


@pytest.mark.parametrize(
    "names", [[], ["manifest.json"], ["manifest.json.sig", "manifest.json"], ["files/a", "manifest.json"]]
)
def test_the_signed_manifest_comes_first_or_nothing_is_taken(keys: Path, names: list[str]) -> None:
    members = [(tarfile.TarInfo(name), b"{}") for name in names]
    with pytest.raises(script().Refused):
        script().read_bundle(packed(*members), keys, "postfix")


@pytest.mark.parametrize("name", ["files/../up", "files/new", "new", "files/a", "manifest.json"])
def test_a_file_that_the_manifest_does_not_name_is_refused(keys: Path, name: str) -> None:
    good = archive({"a": "text"})
    raw = gzip.decompress(good)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        members = [(m, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]
    members.append((tarfile.TarInfo(name), b"text"))
    with pytest.raises(script().Refused):
        script().read_bundle(packed(*members), keys, "postfix")


def test_a_link_in_place_of_a_file_is_refused(keys: Path) -> None:
    link = tarfile.TarInfo("manifest.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(script().Refused):
        script().read_bundle(packed((link, b"")), keys, "postfix")


def test_a_broken_archive_is_refused(keys: Path) -> None:
    good = archive({"a": "text"})
    for cut in (0, 5, len(good) // 2):
        with pytest.raises(script().Refused):
            script().read_bundle(good[:cut], keys, "postfix")
    with pytest.raises(script().Refused):
        script().read_bundle(b"not gzip at all", keys, "postfix")
