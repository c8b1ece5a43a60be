"""Configuration by environment: typed, loud, and with no secret no start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from portal.configuration import ConfigurationError
from portal.institution import Institution, load

PRODUCTION = {
    "SECRET_KEY": "a-test-only-value-0123456789" * 3,
    "PUBLIC_URL": "https://techmail.example.edu",
    "ALLOWED_HOSTS": "techmail.example.edu",
    "DATABASE_URL": "sqlite:////tmp/never-opened.sqlite3",
}


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run `check --deploy` in a process with these variables alone, outside the checkout's `.env`."""
    code = (
        "import django; from django.core.management import call_command; django.setup();"
        "call_command('check', '--deploy', '--fail-level', 'WARNING');"
        "from django.urls import reverse; print(reverse('account_login'))"
    )
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "portal.settings", **variables}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_values_pass_the_deployment_check() -> None:
    done = start(**PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "/accounts/login/" in done.stdout


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"SECRET_KEY": "hunter2"}, "SECRET_KEY is too short"),
        ({"DEBUG": "perhaps"}, "DEBUG must be true or false"),
        ({"SMTP_PORT": "smtp"}, "SMTP_PORT must be a whole number"),
        ({"DNS_RESOLVER": "localhost"}, "HOST:PORT"),
        ({"RELAY_MILTER": "127.0.0.1:10032"}, "RELAY_MILTER must have the form inet:127.0.0.1:10032"),
        ({"RELAY_MILTER": "inet:a:1, default_action=accept"}, "RELAY_MILTER must have the form"),
        ({"INSTITUTION_FILE": "/nowhere.toml"}, "INSTITUTION_FILE cannot be read"),
    ],
)
def test_a_bad_value_stops_the_start_with_a_sentence(changed: dict[str, str], sentence: str) -> None:
    done = start(**PRODUCTION | changed)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert changed.get("SECRET_KEY", "never-there") not in done.stderr


def test_every_fault_of_both_sources_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "institution.toml"
    file.write_text(
        'time_zone = "America/Nowhere"\ncountry = "XX"\nbrand_color = "red"\nrelay_port = "25"\n'
        'campus_networks = ["10.0.0.1/8"]\nclosed_days = ["soon"]\ncolour = 1\nlargest_ipv4_range = 33\n'
        'contact_email = "nobody"\nmail_domain = "a b"\nstandards_url = "javascript:alert(1)"\nwarn_bounce_percent = 120\n'
    )
    done = start(
        **PRODUCTION
        | {
            "DEBUG": "perhaps",
            "SMTP_PORT": "70000",
            "SESSION_HOURS": "0",
            "PUBLIC_URL": "https://a.example/b",
        }
        | {"WEBHOOK_NETWORKS": "10.0.0.1/8", "OIDC_SERVER_URL": "https://id.example.edu", "LOG_LEVEL": "loud"}
        | {"TRUSTED_PROXIES": "0", "BEHIND_PROXY": "true", "INSTITUTION_FILE": str(file)}
    )
    assert done.returncode != 0
    told = done.stderr[done.stderr.index("DEBUG must be") :].strip().splitlines()
    assert told == [
        "DEBUG must be true or false.",
        "PUBLIC_URL must be a web address without a path, such as https://techmail.example.edu.",
        "LOG_LEVEL must be one of 'CRITICAL', 'ERROR', 'WARNING', 'INFO' or 'DEBUG'.",
        "SMTP_PORT must be 65535 at most.",
        "WEBHOOK_NETWORKS, entry 1 must be a network in CIDR form, such as 10.20.0.0/16.",
        "TRUSTED_PROXIES must be 1 or more where BEHIND_PROXY is true.",
        "SESSION_HOURS must be 1 or more.",
        "OIDC_CLIENT_ID is needed where OIDC_SERVER_URL is set.",
        "OIDC_CLIENT_SECRET is needed where OIDC_SERVER_URL is set.",
        "INSTITUTION_FILE: contact_email must be an email address, such as help@example.edu.",
        "INSTITUTION_FILE: mail_domain must be a domain name, such as example.edu.",
        "INSTITUTION_FILE: relay_port must be a whole number.",
        "INSTITUTION_FILE: brand_color must be a color, such as #cc0000.",
        "INSTITUTION_FILE: time_zone must be a time zone of the IANA database, such as America/Chicago.",
        "INSTITUTION_FILE: campus_networks, entry 1 must be a network in CIDR form, such as 10.20.0.0/16.",
        "INSTITUTION_FILE: largest_ipv4_range must be 32 at most.",
        "INSTITUTION_FILE: warn_bounce_percent must be 100 at most.",
        "INSTITUTION_FILE: country must be a country by its ISO 3166 code, such as US.",
        "INSTITUTION_FILE: closed_days, entry 1 must be a day, such as 2027-04-01.",
        "INSTITUTION_FILE: standards_url must be a web address that begins with https://.",
        "INSTITUTION_FILE: colour is not a known key.",
    ]


def test_a_key_of_the_version_before_still_counts(tmp_path: Path) -> None:
    file = tmp_path / "institution.toml"
    file.write_text('brand_colour = "#00aa00"\n')
    assert load(file).brand_color == "#00aa00"


@pytest.mark.parametrize("missing", ["SECRET_KEY", "PUBLIC_URL"])
def test_a_missing_value_stops_the_start(missing: str) -> None:
    done = start(**{name: value for name, value in PRODUCTION.items() if name != missing})
    assert done.returncode != 0
    assert f"{missing} is not set" in done.stderr


@pytest.mark.parametrize(
    "provider",
    [
        {
            "OIDC_SERVER_URL": "https://id.example.edu",
            "OIDC_CLIENT_ID": "portal",
            "OIDC_CLIENT_SECRET": "x" * 20,
        },
        {"SAML_METADATA_URL": "https://id.example.edu/metadata", "SAML_ENTITY_ID": "https://id.example.edu"},
    ],
)
def test_single_sign_on_is_switched_on_by_environment_alone(provider: dict[str, str]) -> None:
    done = start(**PRODUCTION | provider)
    assert done.returncode == 0, done.stderr


def test_another_university_adopts_it_by_one_file(tmp_path: Path) -> None:
    file = tmp_path / "institution.toml"
    file.write_text(
        'name = "Example University"\nmail_domain = "example.edu"\ncampus_networks = ["192.0.2.0/24"]\n'
        '[[closed_networks]]\nnetwork = "192.0.2.128/25"\nuse = "dhcp"\nlabel = "dynamic addresses"\n'
    )
    other = load(file)
    assert other.mail_domain == "example.edu"
    assert str(other.campus_networks[0]) == "192.0.2.0/24"
    assert other.closed_networks[0].use == "dhcp"
    assert other.mail_service == Institution().mail_service


@pytest.mark.parametrize("text", ["colour = 'red'", "campus_networks = ['300.1.1.1/8']", "name = "])
def test_a_wrong_institution_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "institution.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="INSTITUTION_FILE"):
        load(file)
