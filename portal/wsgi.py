"""The WSGI entry point for gunicorn and every other server."""

from django.core.wsgi import get_wsgi_application

from portal import env

env.load_dotenv()
application = get_wsgi_application()
