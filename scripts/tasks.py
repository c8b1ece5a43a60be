"""What `make setup`, `install`, `run`, `test`, `check`, `bench` and `lock` do. Needs Python 3.11 and nothing else.

Run from anywhere; works in the checkout that holds it. The steps that need our packages run in `.venv`.
"""

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
DEVELOPMENT = {"DEBUG": "true", "DEMO_ACCOUNTS": "true", "SMTP_HOST": ""}
PRODUCTION = {
    "DEBUG": "false",
    "PUBLIC_URL": "https://techmail.example.edu",
    "ALLOWED_HOSTS": "techmail.example.edu",
    "MAIL_FROM": "TechMail Portal <no-reply@example.edu>",
}


def call(command: Sequence[str | Path], extra: Mapping[str, str] | None = None) -> None:
    """Run a command in the checkout; end with its exit code if it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env={**os.environ, **(extra or {})}, check=False
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def manage(*words: str, extra: Mapping[str, str] | None = None) -> None:
    """Run `manage.py` in the virtual environment."""
    call([PYTHON, "manage.py", *words], extra)


# ---------------------------------------------------------------- setup
def install(requirements: str) -> None:
    """Make `.venv` hold what `requirements` pins; does nothing where it does already."""
    wanted = hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()
    stamp = VENV / ".installed"
    have = stamp.read_text().split() if stamp.is_file() and PYTHON.exists() else []
    if wanted in have:
        return
    print(f"Installing {requirements} ...", flush=True)
    uv = shutil.which("uv")
    if not PYTHON.exists():
        call(
            [uv, "venv", "--quiet", "--python", sys.executable, VENV]
            if uv
            else [sys.executable, "-m", "venv", VENV]
        )
    if uv:
        call([uv, "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes", "-r", requirements])
    else:
        call(
            [
                PYTHON,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
                "-r",
                requirements,
            ]
        )
    stamp.write_text(" ".join([*have, wanted]))


def write_dotenv() -> None:
    """A development `.env` with a secret of its own, unless there is one."""
    path = ROOT / ".env"
    if path.exists():
        return
    lines = [f"SECRET_KEY={secrets.token_urlsafe(60)}", *(f"{k}={v}" for k, v in DEVELOPMENT.items())]
    path.write_text(
        "# Development only; written by `make setup`, never committed.\n" + "\n".join(lines) + "\n"
    )
    path.chmod(0o600)


def setup() -> None:
    """The packages of every documented command, those of tests and benchmarks too, and the development `.env`."""
    _prepare("requirements-dev.txt")


def install_production() -> None:
    """The packages that the portal runs on, and no `.env`: production is configured by its environment."""
    _check_python()
    install("requirements.txt")


def _prepare(requirements: str) -> None:
    _check_python()
    install(requirements)
    write_dotenv()


def _check_python() -> None:
    if sys.version_info < (3, 11):
        raise SystemExit(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}.")


# ---------------------------------------------------------------- run
def run() -> None:
    """Prepare the database and the demo, then start web, worker and beat until Ctrl-C."""
    _prepare("requirements.txt")
    os.execv(PYTHON, [str(PYTHON), str(ROOT / "scripts" / "serve.py")])


# ---------------------------------------------------------------- check and test
def check() -> None:
    """Style, types, templates, layers, words, deployment settings, missing migrations."""
    setup()
    secret = {"SECRET_KEY": secrets.token_urlsafe(60)}
    call([BIN / "ruff", "check", "--quiet", "."])
    call([BIN / "ruff", "format", "--check", "--quiet", "."])
    call([BIN / "mypy", *packages(), "scripts", "manage.py"])
    call([BIN / "djlint", "templates", "--lint", "--quiet"])
    call([BIN / "djlint", "templates", "--check"])
    call([PYTHON, "scripts/import_layers.py"], secret)
    call([PYTHON, "scripts/check_words.py"])
    manage("check", "--deploy", "--fail-level", "WARNING", extra=PRODUCTION | secret)
    manage("makemigrations", "--check", "--dry-run", extra=PRODUCTION | secret)
    print(
        "check: ruff, mypy, djlint, import layers, words, check --deploy and migrations are clean", flush=True
    )


def packages() -> list[str]:
    """The folders of the checkout that are Python packages, so that a new kind's is checked by being there."""
    return sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def test() -> None:
    """`check`, and the suite on PostgreSQL and Redis; beside both, `tests/passes.py` on SQLite and the broker of files.

    Four processes for the two cores that the suite is measured on: while one test waits for a server, another computes.
    """
    setup()
    system_programs()
    # A file's tests share what they set up; the order of the files is `tests/conftest.py`'s.
    suite: list[str | Path] = [
        BIN / "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
    ]
    with tempfile.TemporaryFile("w+") as said:
        on_sqlite = subprocess.Popen(
            [*suite, "-n", "1", "-m", "sqlite"], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            check()
            call([*suite, "-n", "3", "-p", "tests.support.servers"])
            code = on_sqlite.wait()
        finally:
            on_sqlite.terminate()
            on_sqlite.wait()
            said.seek(0)
            print(f"\nOn SQLite and the broker of files:\n{said.read()}", flush=True)
    if code:
        raise SystemExit(code)


PROGRAMS = {
    "chromium": "chromium",
    "postfix": "postfix",
    "nsd": "nsd",
    "spamassassin": "spamassassin",
    "rspamadm": "rspamd",
    "openssl": "openssl",
    "dkimproxy-verify": "libmail-dkim-perl",
}


def missing_programs() -> list[str]:
    """The system programs that the suite wants and that are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"
    return [name for name in PROGRAMS if not shutil.which(name, path=path)]


def system_programs() -> None:
    """Install `PROGRAMS` where this is Debian and we are root; else say what is missing."""
    missing = missing_programs()
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(missing)} ...", flush=True)
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        call(["apt-get", "-qq", "update"], quiet)
        call(
            ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *(PROGRAMS[n] for n in missing)],
            quiet,
        )
        return
    print(
        f"Not installed here: {', '.join(missing)}. Their tests are skipped (with CI=true they fail).",
        flush=True,
    )


# ---------------------------------------------------------------- bench and lock
def bench() -> None:
    """Every benchmark, against servers of its own; all of them run, and one missed bar fails."""
    setup()
    codes = []
    for script in BENCHMARKS:
        print(f"\n== {script}", flush=True)
        codes.append(subprocess.run([str(PYTHON), script], cwd=ROOT, check=False).returncode)
    raise SystemExit(max(codes))


BENCHMARKS = ("benchmarks/run.py", "benchmarks/mailauth.py", "benchmarks/policy.py", "benchmarks/exports.py")


def lock() -> None:
    """Compile the pinned requirements from pyproject.toml (needs uv)."""
    compile_ = [
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--generate-hashes",
        "--python-version",
        "3.11",
        "--no-emit-index-url",
        "--no-header",
        "pyproject.toml",
    ]
    call([*compile_, "-o", "requirements.txt"])
    call([*compile_, "--group", "dev", "-c", "requirements.txt", "-o", "requirements-dev.txt"])


COMMANDS = {
    "setup": setup,
    "install": install_production,
    "run": run,
    "test": test,
    "check": check,
    "bench": bench,
    "lock": lock,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        raise SystemExit(f"usage: tasks.py {'|'.join(COMMANDS)}")
    COMMANDS[sys.argv[1]]()
