"""canaille with one user, who has signed in at a client: ``python canaille_server.py``."""

import datetime as dt

from _serving import serve
from canaille import create_app
from canaille.app import models
from canaille.backends import Backend

# Authlib does not undo the form-encoding of credentials (RFC 6749 section 2.3.1), which leaves this one as it is.
SECRET = "hush-hush"
REDIRECT = "https://app.example/callback"
CODE = "a-code"


def application_at(base):
    """Make the user, the clients and a code that the user has agreed to."""
    app = create_app(
        {
            "SECRET_KEY": "of these tests alone, and of no use to others",
            "SERVER_NAME": base.removeprefix("http://"),
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory"},
            "CANAILLE_OIDC": {"REQUIRE_NONCE": False},
        }
    )
    now = dt.datetime.now(dt.timezone.utc)
    with app.app_context():
        save = Backend.instance.save
        user = models.User(user_name="alice", formatted_name="Alice", family_name="A", emails=["alice@example.org"])
        save(user)
        robot = models.Client(client_id="robot", client_name="robot", client_secret=SECRET, scope=["read"])
        save(robot)
        client = models.Client(
            client_id="app",
            client_name="app",
            client_secret=SECRET,
            redirect_uris=[REDIRECT],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            scope=["openid", "profile"],
            token_endpoint_auth_method="client_secret_basic",
            audience=[robot],
            id_token_signed_response_alg="RS256",
        )
        save(client)
        code = models.AuthorizationCode(
            authorization_code_id=CODE,
            code=CODE,
            client=client,
            subject=user,
            redirect_uri=REDIRECT,
            response_type="code",
            scope=["openid", "profile"],
            issue_date=now,
            lifetime=600,
            auth_time=now,
        )
        save(code)
    return app, {"token_url": f"{base}/oauth/token", "issuer": base, "code": CODE}


serve(application_at)
