"""Take the pictures of docs/img: the demo in Chromium, light, 1280 pixels wide, as WebP.

`.venv/bin/python scripts/screenshots.py`, after `make setup` and with Chromium installed. The demo is loaded into a database of
its own, beside a name server that knows the demo's hosts and a mail host that reported the newest release, so that the pages say what
they say in an installation that runs. Each picture is smaller than `LARGEST_BYTES`.
"""

import io
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "img"
WIDTH, HEIGHT = 1280, 960
LARGEST_BYTES = 200_000
DEADLINE_SECONDS = 60
HOSTS = {
    "copier-7": "129.118.10.20",
    "plasma-lab": "129.118.10.41",
    "alerts-2": "129.118.22.7",
    "print-3": "129.118.30.11",
    "web-9": "129.118.12.9",
}
"""The hosts of the demo's relay requests (`relay/demo.py`), and the one that is typed into the form."""


@dataclass(frozen=True)
class Picture:
    """One picture: its file's name, the demo account that is signed in, and the page."""

    name: str
    person: str
    address: str
    heading: str
    """What the page's h1 must say, so that no picture shows another page."""
    typed: tuple[tuple[str, str], ...] = ()
    """What is typed before the picture: names of fields, and texts."""


PICTURES = (
    Picture("home", "requester", "/", "Hello, Riley Ortega"),
    Picture(
        "form",
        "requester",
        "/requests/TM-R-1005/edit/network/",
        "Where it is",
        (("addresses", HOSTS["web-9"]), ("hostname", "web-9.ttu.edu")),
    ),
    Picture("decision", "reviewer", "/requests/TM-R-1003/", "Appliance alerts-2.ttu.edu"),
    Picture("permission", "requester", "/permissions/TM-R-1002/", "Application plasma-lab.ttu.edu"),
    Picture("campaign", "cio", "/campaigns/TM-C-1001/overview/", "How do you use the study rooms?"),
)


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """The demo at the address that is given, with its data in `folder`."""
    from tests.support.dns_server import DnsServer  # noqa: PLC0415 - found once the checkout is on the path
    from tests.support.ports import free_port  # noqa: PLC0415 - the same

    with DnsServer() as names:
        for host, address in HOSTS.items():
            names.add(f"{host}.ttu.edu", "A", address)
            names.add(".".join([*reversed(address.split(".")), "in-addr.arpa"]), "PTR", f"{host}.ttu.edu.")
        port = free_port()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": "",
            "DEBUG": "true",
            "DEMO_ACCOUNTS": "true",
            "DNS_RESOLVER": names.address,
            "EXPORT_SIGNING_KEY": subprocess.check_output(
                ["openssl", "rand", "-base64", "32"], text=True
            ).strip(),
            "INSTITUTION_FILE": "",
            "PUBLIC_URL": f"http://localhost:{port}",
            "REDIS_URL": "",
            "SECRET_KEY": secrets.token_urlsafe(60),
            "SMTP_HOST": "",
            "VAR_DIR": str(folder),
        }
        load()
        manage, own = [sys.executable, "manage.py"], f"127.0.0.1:{free_port()}"
        with (
            running([*manage, "policy_service", "--listen", own, "--batch-seconds", "1"]),
            running(
                [
                    sys.executable,
                    "-m",
                    "gunicorn",
                    "portal.wsgi",
                    "--bind",
                    f"127.0.0.1:{port}",
                    "--threads",
                    "4",
                ]
            ),
        ):
            until(f"http://localhost:{port}/healthz")
            yield f"http://localhost:{port}"


def load() -> None:
    """Migrate, load the demo, release the permissions, and let one mail host report that it applies the release."""
    django.setup()
    # Models can be imported once Django is set up.
    from django.core.management import call_command  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from portal.accounts.models import User  # noqa: PLC0415
    from portal.enforcement.models import Release  # noqa: PLC0415
    from portal.enforcement.receipts import take_receipt  # noqa: PLC0415
    from portal.enforcement.tokens import make_token  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("load_demo", stdout=io.StringIO())
    call_command("release", stdout=io.StringIO())
    newest = Release.objects.filter(target="postfix").latest("pk")
    administrator = User.objects.get(email="admin@ttu.edu")
    token, _ = make_token(actor=administrator, host="relay1.ttu.edu", targets=("postfix",), days=90)
    facts = {
        "host": token.host,
        "target": newest.target,
        "epoch": newest.epoch,
        "serial": newest.serial,
        "sha256": newest.manifest_sha256,
        "live_sha256": newest.files_sha256,
        "applied_at": timezone.now(),
        "lint": "ok",
        "differing": "",
        "lapsed": [],
    }
    take_receipt(token=token, target=newest.target, facts=facts)


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """A process of the checkout, until the block ends."""
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE_SECONDS)


def until(address: str) -> None:
    """Wait until the address answers. Raises OSError after `DEADLINE_SECONDS`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def signed_in(browser: Browser, address: str, person: str) -> Page:
    """A page in which the demo account `person` has signed in by the form."""
    from portal.workflow.management.commands.load_demo import PASSWORD  # noqa: PLC0415 - Django is set up by now

    size = {"width": WIDTH, "height": HEIGHT}
    page = browser.new_context(base_url=address, color_scheme="light", viewport=size).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(DEADLINE_SECONDS * 1000)
    page.goto("/accounts/login/")
    page.fill("input[name=login]", f"{person}@ttu.edu")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_selector("header nav")
    return page


def take(page: Page, picture: Picture) -> None:
    """Write the picture. ValueError where the page is another one, or the file would be too large."""
    page.goto(picture.address)
    page.wait_for_load_state("networkidle")
    heading = page.inner_text("h1").strip()
    if picture.heading not in heading:
        raise ValueError(f"{picture.address} says {heading!r}, not {picture.heading!r}.")
    for name, text in picture.typed:
        field = page.locator(f"[name={name}]").first
        field.fill(text)
        with page.expect_response(lambda response: "/check/" in response.url):
            field.blur()
    page.mouse.click(0, 0)
    page.wait_for_load_state("networkidle")
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    written = io.BytesIO()
    shown.save(written, "WEBP", quality=85, method=6)
    if len(written.getvalue()) > LARGEST_BYTES:
        raise ValueError(f"{picture.name} has {len(written.getvalue())} bytes, more than {LARGEST_BYTES}.")
    (FOLDER / f"{picture.name}.webp").write_bytes(written.getvalue())
    print(f"{picture.name}.webp: {len(written.getvalue()):,} bytes", flush=True)


def main() -> None:
    """Take every picture."""
    sys.path.insert(0, str(ROOT))
    chromium = shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        demo(Path(folder)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        people = {
            person: signed_in(browser, address, person)
            for person in dict.fromkeys(picture.person for picture in PICTURES)
        }
        for picture in PICTURES:
            take(people[picture.person], picture)
        browser.close()


if __name__ == "__main__":
    main()
