"""Two questions of a load balancer: is the process alive, and can it serve?"""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from portal.celery import app

BROKER_DEADLINE_SECONDS = 2


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Database, migrations and broker, each true or false; 503 unless all are true."""
    database = _database_answers()
    state = {
        "database": database,
        "migrations": database and _migrations_applied(),
        "broker": _broker_answers(),
    }
    return JsonResponse(state, status=200 if all(state.values()) else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _migrations_applied() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _broker_answers() -> bool:
    if not settings.REDIS_URL:
        return bool((settings.CELERY_FOLDER / "queue").is_dir())
    try:
        with app.connection_for_write(connect_timeout=BROKER_DEADLINE_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_DEADLINE_SECONDS)
    except (OperationalError, OSError):
        return False
    return True
