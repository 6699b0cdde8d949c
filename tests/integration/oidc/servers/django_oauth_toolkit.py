"""django-oauth-toolkit with one user, who has signed in at a client: ``python django_oauth_toolkit.py DATABASE``."""

import datetime as dt
import sys

import django
from _serving import serve
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

SECRET = "hush-hush"
REDIRECT = "https://app.example/callback"
CODE = "a-code"

key = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
settings.configure(
    SECRET_KEY="of these tests alone, and of no use to others than these",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": key.decode(),
        "SCOPES": {"openid": "sign in", "read": "read", "introspection": "ask about tokens"},
        "PKCE_REQUIRED": False,
    },
)
MODELS = ("auth.User", "oauth2_provider.Application", "oauth2_provider.Grant")
urlpatterns = []


def application_at(base):
    """Make the user, the clients and a code that the user has agreed to."""
    django.setup()
    urlpatterns.append(path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")))
    call_command("migrate", verbosity=0)
    user, application, grant = (apps.get_model(name) for name in MODELS)
    user = user.objects.create_user("alice")
    common = {"client_secret": SECRET, "client_type": "confidential", "user": user, "redirect_uris": REDIRECT}
    application.objects.create(client_id="robot", authorization_grant_type="client-credentials", **common)
    app = application.objects.create(
        client_id="app", authorization_grant_type="authorization-code", algorithm="RS256", **common
    )
    expires = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=10)
    grant.objects.create(
        user=user,
        code=CODE,
        application=app,
        expires=expires,
        redirect_uri=REDIRECT,
        scope="openid read",
        claims="{}",
    )
    return get_wsgi_application(), {"token_url": f"{base}/o/token/", "issuer": f"{base}/o", "code": CODE}


serve(application_at)
