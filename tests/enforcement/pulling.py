"""The verbs of the tests about mail hosts: a key, a token, a pull, a host in a folder of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.test import Client

from portal.enforcement import signing
from portal.enforcement.models import Release
from portal.enforcement.tokens import make_token
from tests.cast import Cast

KEY = bytes(range(32))
SCRIPT = Path(__file__).parents[2] / "deploy" / "pull_techmail.py"
HOST = "relay1.ttu.edu"
COPIER = "127.0.0.2"


def token_for(cast: Cast, *targets: str, host: str = HOST, days: int = 90) -> str:
    return make_token(actor=cast.admin, host=host, targets=targets or ("postfix",), days=days)[1]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def post_receipt(client: Client, token: str, release: Release, **facts: Any) -> Any:
    body = {
        "target": release.target,
        "host": HOST,
        "epoch": release.epoch,
        "serial": release.serial,
        "sha256": release.manifest_sha256,
        "applied_at": release.released_at.isoformat(),
        "lint": "ok",
        "live_sha256": release.files_sha256,
        "differing": [],
        "lapsed": [],
        **facts,
    }
    return client.post(
        f"/export/v1/{release.target}/receipts",
        json.dumps(body),
        content_type="application/json",
        headers=bearer(token),
    )


@dataclass
class MailHost:
    """A mail host that pulls by the script that `deploy/` holds."""

    folder: Path
    url: str
    token: str
    target: str = "postfix"
    own: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "keys").mkdir(parents=True)
        self.trust(KEY)
        (self.folder / "token").write_text(f"{self.token}\n")

    @property
    def live(self) -> Path:
        return self.folder / "live"

    def trust(self, private: bytes) -> None:
        pem = signing.public_pem(private)
        (self.folder / "keys" / f"{signing.key_id_of(pem)}.pem").write_text(pem)

    def pull(self, *words: str) -> "subprocess.CompletedProcess[str]":
        lines = [
            "[portal]",
            f"url = {self.url}",
            f"host = {HOST}",
            f"token_file = {self.folder}/token",
            f"keys = {self.folder}/keys",
            f"state = {self.folder}/state",
            f"[{self.target}]",
            *(f"{k} = {v}" for k, v in ({"install": str(self.live)} | self.own).items()),
        ]
        config = self.folder / "pull.ini"
        config.write_text("\n".join(lines) + "\n")
        return subprocess.run(
            [sys.executable, SCRIPT, config, *words], capture_output=True, text=True, timeout=120, check=False
        )
