"""Django settings, read from the environment alone (docs/configuration.md has the table).

DEBUG is off unless it is set, and nothing starts without a secret: `make setup` writes development values
into a git-ignored `.env`.
"""

from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from portal.env import ROOT, read_configuration

BASE_DIR = ROOT
_env, INSTITUTION = read_configuration()
DEBUG = _env.DEBUG
SECRET_KEY = _env.SECRET_KEY.get_secret_value()
DEMO_ACCOUNTS = DEBUG and _env.DEMO_ACCOUNTS
ALLOWED_HOSTS = list(_env.ALLOWED_HOSTS) or (["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
PUBLIC_URL = _env.PUBLIC_URL
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []
VAR_DIR = _env.VAR_DIR
INSTITUTION_FILE = _env.INSTITUTION_FILE

INSTALLED_APPS = [
    "portal.accounts",
    "portal.standards",
    "portal.mailauth",
    "portal.message_checks",
    "portal.outbox",
    "portal.workflow",
    "portal.grants",
    "portal.samples",
    "portal.incidents",
    "portal.ownership",
    "portal.enforcement",
    "portal.policy_service",
    "portal.renewals",
    "portal.sending_calendar",
    "portal.api",
    "portal.webhooks",
    "relay",
    "whitelist",
    "senders",
    "campaigns",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "bootstrap",
    "django_htmx",
    "heroicons",
    "simple_history",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.api.middleware.ApiAnswersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "portal.middleware.NulMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "portal.middleware.ProblemMiddleware",
    "portal.accounts.second_factor.SecondFactorMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.frame",
            ],
            "builtins": [
                "django.templatetags.static",
                "portal.workflow.templatetags.portal_ui",
                "portal.workflow.templatetags.portal_words",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# ---------------------------------------------------------------- database, cache, broker
DATABASE_URL = _env.DATABASE_URL or f"sqlite:///{VAR_DIR / 'portal.sqlite3'}"
_database: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL))
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # Immediate transactions take the write lock at once, so that two writers wait for one another instead
    # of failing in the middle; WAL lets readers go on meanwhile.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    # A connection per request costs 4 ms and three quarters of the throughput; keep them, and test them.
    _database |= {"CONN_MAX_AGE": _env.DATABASE_CONN_MAX_AGE, "CONN_HEALTH_CHECKS": True}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = _env.REDIS_URL
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "portal_cache",
            # At 300, Django's own, whoever fills the cache would push the counts of the throttles out of it.
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    )
}
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
CELERY_FOLDER = VAR_DIR / "celery"

# ---------------------------------------------------------------- people
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "portal.accounts.adapter.PortalAccountAdapter"
SOCIALACCOUNT_ADAPTER = "portal.accounts.adapter.PortalSocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_FORMS = {
    "login": "portal.accounts.sign_in.SignInForm",
    "reset_password": "portal.accounts.sign_in.ResetPasswordForm",
}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# A "key" of `login_failed` is an account at one address, and "ip" the address alone (portal.accounts.adapter).
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "30/m/ip,5/5m/key",
    "reset_password": "20/m/ip",
}
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FOR_DECIDERS = (not DEBUG) if _env.MFA_FOR_DECIDERS is None else _env.MFA_FOR_DECIDERS

# ---------------------------------------------------------------- outbound email
DEFAULT_FROM_EMAIL = _env.MAIL_FROM or f"{INSTITUTION.product} <no-reply@{INSTITUTION.mail_domain}>"
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_HOST = _env.SMTP_HOST or "localhost"
EMAIL_PORT = _env.SMTP_PORT
EMAIL_HOST_USER = _env.SMTP_USER
EMAIL_HOST_PASSWORD = _env.SMTP_PASSWORD.get_secret_value()
EMAIL_USE_TLS = _env.SMTP_STARTTLS
EMAIL_TIMEOUT = _env.SMTP_TIMEOUT_SECONDS
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
if DEBUG and not _env.SMTP_HOST:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"

# ---------------------------------------------------------------- the mail system, DNS
DNS_RESOLVER = _env.DNS_RESOLVER
DNS_DEADLINE_SECONDS = 3.0
DIRECTORY = _env.DIRECTORY
PROBE_MAILBOX = _env.PROBE_MAILBOX or f"probe@{INSTITUTION.mail_domain}"
PUBLISH_DIR = _env.PUBLISH_DIR
POSTFIX_MAP_DIR = _env.POSTFIX_MAP_DIR
RELAY_MILTER = _env.RELAY_MILTER
EXPORT_SIGNING_KEY = _env.signing_key

# ---------------------------------------------------------------- webhooks
WEBHOOK_NETWORKS = _env.webhook_networks
WEBHOOK_PLAIN_HTTP = DEBUG
WEBHOOK_CA_FILE = _env.WEBHOOK_CA_FILE

# ---------------------------------------------------------------- files
MEDIA_ROOT = _env.MEDIA_DIR or VAR_DIR / "media"
ATTACHMENT_MAX_BYTES = 10 * 1024 * 1024
ATTACHMENT_MAX_COUNT = 10
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600
STATIC_URL = "/static/"
STATIC_ROOT = _env.STATIC_DIR
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# ---------------------------------------------------------------- language and time
LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True
TIME_ZONE = INSTITUTION.time_zone

# ---------------------------------------------------------------- security
_secure = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _secure
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _secure
TRUSTED_PROXIES = _env.trusted_proxies
if _env.BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_AGE = _env.SESSION_HOURS * 3600
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# ---------------------------------------------------------------- sign-in providers, by environment alone
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
SOCIALACCOUNT_ONLY = _env.SSO_ONLY
# `portal.accounts.adapter` alone joins a sign-on to an account, by an address that the provider verified.
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SSO_DOMAINS = [domain.lower() for domain in _env.SSO_DOMAINS or (INSTITUTION.mail_domain,)]
if _env.OIDC_SERVER_URL:
    INSTALLED_APPS.append("allauth.socialaccount.providers.openid_connect")
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "APPS": [
            {
                "provider_id": "oidc",
                "name": _env.OIDC_NAME or INSTITUTION.short_name,
                "client_id": _env.OIDC_CLIENT_ID,
                "secret": _env.OIDC_CLIENT_SECRET.get_secret_value(),
                "settings": {"server_url": _env.OIDC_SERVER_URL, "oauth_pkce_enabled": True},
            }
        ]
    }
if _env.SAML_METADATA_URL:
    INSTALLED_APPS.append("allauth.socialaccount.providers.saml")
    SOCIALACCOUNT_PROVIDERS["saml"] = {
        "APPS": [
            {
                "provider_id": "saml",
                "name": _env.SAML_NAME or INSTITUTION.short_name,
                "client_id": "saml",
                "settings": {
                    "idp": {
                        "entity_id": _env.SAML_ENTITY_ID,
                        "metadata_url": _env.SAML_METADATA_URL,
                    },
                    "attribute_mapping": {
                        "uid": _env.SAML_UID_ATTRIBUTE,
                        "email": _env.SAML_EMAIL_ATTRIBUTE,
                        "email_verified": _env.SAML_EMAIL_VERIFIED_ATTRIBUTE,
                    },
                    **({"verified_email": SSO_DOMAINS} if _env.SAML_EMAIL_IS_VERIFIED else {}),
                },
            }
        ]
    }

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "portal.logs.OneLineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": _env.LOG_LEVEL},
}
