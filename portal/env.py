"""The environment variables that configure one installation, with their types, defaults and limits.

A variable that is empty counts as not set. Every fault is found at once, and nothing starts with one; no sentence repeats a
value, since it may be a secret.
"""

import base64
import binascii
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import dotenv
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from portal.configuration import ConfigurationError, Domain, Line, Network, parts_of, problems_of
from portal.institution import Institution, load

ROOT: Final = Path(__file__).resolve().parent.parent
_MILTER: Final = re.compile(r"inet:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}|unix:/?[A-Za-z0-9._/-]+")


def load_dotenv(path: Path = ROOT / ".env") -> None:
    """Set what `path` (lines of NAME=value) names and the environment does not yet; no file is no error."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    dotenv.load_dotenv(path, override=False, interpolate=False)


def _host_port(text: str) -> tuple[str, int]:
    host, separator, port = text.strip().rpartition(":")
    if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError("must have the form HOST:PORT, such as 127.0.0.1:53")
    return host.strip("[]"), int(port)


def _resolver(text: str) -> str:
    if text:
        _host_port(text)
    return text


def _milter(text: str) -> str:
    if text and not _MILTER.fullmatch(text):
        raise ValueError("must have the form inet:127.0.0.1:10032 or unix:/run/techmail/milter")
    return text


def _signing_key(text: str) -> str:
    try:
        length = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        length = -1
    if text and length != 32:
        raise ValueError("must be 32 bytes in base64")
    return text


def _address_of_the_portal(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+/?", text):
        raise ValueError("must be a web address without a path, such as https://techmail.example.edu")
    return text.rstrip("/")


_Value = TypeVar("_Value", str, SecretStr)


def _folder(value: Any) -> Any:
    return ROOT / value if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(parts_of)]
Folder = Annotated[Path, BeforeValidator(_folder)]
"""A folder's path, relative to the checkout; it need not exist yet."""
Port = Annotated[int, Field(ge=1, le=65_535)]


class Environment(BaseSettings):
    """The variables by their names. docs/configuration.md says what each is for."""

    model_config = SettingsConfigDict(
        case_sensitive=True, env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True
    )

    DEBUG: bool = False
    SECRET_KEY: SecretStr = SecretStr("")
    """There is no default that starts: at least 50 characters."""
    DEMO_ACCOUNTS: bool = True
    ALLOWED_HOSTS: Texts = ()
    PUBLIC_URL: str = ""
    VAR_DIR: Folder = ROOT / "var"
    MEDIA_DIR: Folder | None = None
    STATIC_DIR: Folder = ROOT / "staticfiles"
    INSTITUTION_FILE: str = ""
    LOG_LEVEL: Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"] = "INFO"

    DATABASE_URL: str = ""
    DATABASE_CONN_MAX_AGE: Annotated[int, Field(ge=0)] = 600
    REDIS_URL: str = ""

    MAIL_FROM: Line | None = None
    SMTP_HOST: str = ""
    SMTP_PORT: Port = 25
    SMTP_USER: str = ""
    SMTP_PASSWORD: SecretStr = SecretStr("")
    SMTP_STARTTLS: bool = False
    SMTP_TIMEOUT_SECONDS: Annotated[int, Field(ge=1, le=300)] = 20

    DNS_RESOLVER: Annotated[str, AfterValidator(_resolver)] = ""
    DIRECTORY: str = "portal.accounts.directory.TableDirectory"
    PROBE_MAILBOX: str = ""
    PUBLISH_DIR: str = ""
    POSTFIX_MAP_DIR: str = "/etc/postfix/portal"
    RELAY_MILTER: Annotated[str, AfterValidator(_milter)] = ""
    EXPORT_SIGNING_KEY: SecretStr = SecretStr("")
    WEBHOOK_NETWORKS: Annotated[tuple[Network, ...] | None, NoDecode, BeforeValidator(parts_of)] = None
    WEBHOOK_CA_FILE: str = ""

    BEHIND_PROXY: bool = False
    TRUSTED_PROXIES: Annotated[int, Field(ge=0, le=20)] | None = None
    SESSION_HOURS: Annotated[int, Field(ge=1, le=24 * 31)] = 12
    MFA_FOR_DECIDERS: bool | None = None

    SSO_ONLY: bool = False
    SSO_DOMAINS: Annotated[tuple[Domain, ...], NoDecode, BeforeValidator(parts_of)] = ()
    OIDC_SERVER_URL: str = ""
    OIDC_CLIENT_ID: str = ""
    OIDC_CLIENT_SECRET: SecretStr = SecretStr("")
    OIDC_NAME: str = ""
    SAML_METADATA_URL: str = ""
    SAML_ENTITY_ID: str = ""
    SAML_NAME: str = ""
    SAML_UID_ATTRIBUTE: str = "urn:oasis:names:tc:SAML:attribute:subject-id"
    SAML_EMAIL_ATTRIBUTE: str = "urn:oid:0.9.2342.19200300.100.1.3"
    SAML_EMAIL_VERIFIED_ATTRIBUTE: str = "email_verified"
    SAML_EMAIL_IS_VERIFIED: bool = False

    @field_validator("PUBLIC_URL")
    @classmethod
    def _public_url(cls, value: str, info: ValidationInfo) -> str:
        if value:
            return _address_of_the_portal(value)
        if info.data.get("DEBUG"):
            return "http://localhost:8000"
        raise ValueError("is not set")

    @field_validator("SECRET_KEY")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if not value:
            raise ValueError("is not set")
        if len(value) < 50:
            raise ValueError("is too short: it must have at least 50 characters")
        return value

    @field_validator("EXPORT_SIGNING_KEY")
    @classmethod
    def _key(cls, value: SecretStr) -> SecretStr:
        return SecretStr(_signing_key(value.get_secret_value().strip()))

    @field_validator("TRUSTED_PROXIES")
    @classmethod
    def _proxies(cls, value: int | None, info: ValidationInfo) -> int | None:
        behind = int(info.data.get("BEHIND_PROXY", False))
        if value is not None and value < behind:
            raise ValueError("must be 1 or more where BEHIND_PROXY is true")
        return value

    @field_validator("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    @classmethod
    def _of_openid(cls, value: _Value, info: ValidationInfo) -> _Value:
        return _needed(value, by="OIDC_SERVER_URL", info=info)

    @field_validator("SAML_ENTITY_ID")
    @classmethod
    def _of_saml(cls, value: str, info: ValidationInfo) -> str:
        return _needed(value, by="SAML_METADATA_URL", info=info)

    @property
    def trusted_proxies(self) -> int:
        """How many proxies append to X-Forwarded-For: TRUSTED_PROXIES, else 1 behind a proxy and 0 without one."""
        return int(self.BEHIND_PROXY) if self.TRUSTED_PROXIES is None else self.TRUSTED_PROXIES

    @property
    def webhook_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """WEBHOOK_NETWORKS; in development this machine, where it is not set."""
        of_this_machine = (ip_network("127.0.0.0/8"), ip_network("::1/128")) if self.DEBUG else ()
        return self.WEBHOOK_NETWORKS or of_this_machine

    @property
    def signing_key(self) -> bytes | None:
        """EXPORT_SIGNING_KEY as its 32 bytes; None where it is not set."""
        return base64.b64decode(self.EXPORT_SIGNING_KEY.get_secret_value()) or None


def read_configuration() -> tuple[Environment, Institution]:
    """What the environment and the institution's file say. Raises ConfigurationError with a line for each fault of both."""
    problems: list[str] = []
    try:
        environment = Environment()
    except ValidationError as error:
        problems += [
            problem.replace(" is not set.", " is not set. Set it in the environment (docs/configuration.md).")
            for problem in problems_of(error)
        ]
    try:
        file = os.environ.get("INSTITUTION_FILE", "")
        institution = load(Path(file) if file else None)
    except ConfigurationError as error:
        problems += error.problems
    if problems:
        raise ConfigurationError(*problems)
    return environment, institution


def _needed(value: _Value, *, by: str, info: ValidationInfo) -> _Value:
    if info.data.get(by) and not value:
        raise ValueError(f"is needed where {by} is set")
    return value
