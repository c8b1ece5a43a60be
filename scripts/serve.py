"""Development server: database and demo, then web, worker and beat under honcho, until Ctrl-C."""

import io
import os
import sys
import threading
import time
import urllib.request
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from honcho.manager import Manager

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
BIN = Path(sys.executable).parent
DEADLINE_SECONDS = 60
WEB_IS_UP = ROOT / "var" / "web-is-up"


def prepare() -> str:
    """Migrate and load the demo, in this one process; returns what the demo command printed."""
    django.setup()
    call_command("migrate", verbosity=0)
    accounts = io.StringIO()
    if settings.DEMO_ACCOUNTS:
        call_command("load_demo", stdout=accounts)
    return accounts.getvalue()


def announce(port: str, accounts: str) -> None:
    """Print the address and the accounts once the web process answers, and let the other two start."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                break
        except OSError:
            time.sleep(0.1)
    WEB_IS_UP.touch()
    print(
        f"\nTechMail Portal is at http://localhost:{port}/\n\n{accounts}\nCtrl-C stops everything.\n",
        flush=True,
    )


def main() -> int:
    """Run the three processes; the exit code is honcho's."""
    from portal import env  # noqa: PLC0415 - found once the checkout is on the path

    env.load_dotenv()
    port = os.environ.setdefault("PORT", "8000")
    os.environ.setdefault("PUBLIC_URL", f"http://localhost:{port}")
    for folder in ("var", "var/mail", "var/celery"):
        (ROOT / folder).mkdir(parents=True, exist_ok=True)
    WEB_IS_UP.unlink(missing_ok=True)
    accounts = prepare()

    manager = Manager()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    celery = f"{BIN / 'celery'} -A portal.celery"
    commands = {
        "web": f"{BIN / 'gunicorn'} portal.wsgi --bind 0.0.0.0:{port} --workers 2 --threads 2 --preload --log-level warning",
        "worker": f"{celery} worker --loglevel WARNING --pool threads --concurrency 2 --without-mingle --without-gossip",
        "beat": f"{celery} beat --loglevel WARNING --pidfile=",
    }
    for name, command in commands.items():
        # The page first: on two cores the three would start at each other's cost.
        wait = "" if name == "web" else f"while [ ! -e '{WEB_IS_UP}' ]; do sleep 0.1; done; "
        manager.add_process(name, f"{wait}exec {command}", cwd=str(ROOT), env=environment)
    threading.Thread(target=announce, args=(port, accounts), daemon=True).start()
    manager.loop()
    # Ctrl-C is how one leaves: no failure.
    return 0 if manager.returncode in (None, 0, 130) else int(manager.returncode)


if __name__ == "__main__":
    sys.exit(main())
