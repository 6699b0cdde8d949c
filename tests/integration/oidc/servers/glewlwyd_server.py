"""glewlwyd with one user, who has signed in at a client: ``python glewlwyd_server.py FOLDER``."""

import contextlib
import sqlite3
import sys
import urllib.parse
from pathlib import Path

from _child import answered, code_of, serve_child
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ports import free_port

SECRET = "hush-hush"
REDIRECT = "https://app.example/callback"
SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
MODULES = "/usr/lib/glewlwyd"

folder = Path(sys.argv[1])
folder.mkdir()
port = free_port()
base = f"http://127.0.0.1:{port}"
issuer = f"{base}/api/oidc"
settings = folder / "glewlwyd.conf"
settings.write_text(f"""
port={port}
bind_address="127.0.0.1"
external_url="{base}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=0
session_key="session"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{MODULES}/user"
client_module_path="{MODULES}/client"
user_auth_scheme_module_path="{MODULES}/scheme"
plugin_module_path="{MODULES}/plugin"
hash_algorithm="SHA512"
database = {{ type="sqlite3"; path="{folder / "database"}"; }};
""")
with contextlib.closing(sqlite3.connect(folder / "database")) as database:
    database.executescript(SCHEMA.read_text())


def signed_in(username, password):
    """The cookie of a session."""
    credentials = {"username": username, "password": password}
    answer = answered(port, "POST", "/api/auth/", json_body=credentials)
    return answer.headers["Set-Cookie"].split(";")[0]


def openid_connect():
    """The settings of its OpenID Connect plugin, with a new key."""
    key = rsa.generate_private_key(65537, 2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "iss": issuer,
        "jwt-type": "rsa",
        "jwt-key-size": "256",
        "key": private.decode(),
        "cert": public.decode(),
        "code-duration": 600,
        "refresh-token-duration": 3600,
        "access-token-duration": 3600,
        "allow-non-oidc": True,
        "auth-type-code-enabled": True,
        "auth-type-refresh-enabled": True,
        "introspection-revocation-allowed": True,
        "introspection-revocation-allow-target-client": True,
    }


def set_up():
    """Make the user, the client and a code that the user has agreed to."""
    admin = signed_in("admin", "password")
    plugin = {"module": "oidc", "name": "oidc", "display_name": "oidc", "enabled": True, "parameters": openid_connect()}
    client = {
        "client_id": "app",
        "name": "app",
        "enabled": True,
        "confidential": True,
        "password": SECRET,
        "redirect_uri": [REDIRECT],
        "authorization_type": ["code", "refresh_token"],
        "token_endpoint_auth_method": ["client_secret_basic"],
    }
    alice = {"username": "alice", "password": "alice's password", "enabled": True, "scope": ["openid"]}
    for path, body in (("mod/plugin", plugin), ("client", client), ("user", alice)):
        answered(port, "POST", f"/api/{path}/", json_body=body, cookie=admin)
    user = signed_in("alice", alice["password"])
    answered(port, "PUT", "/api/auth/grant/app", json_body={"scope": "openid"}, cookie=user)
    asked = {"response_type": "code", "client_id": "app", "redirect_uri": REDIRECT, "scope": "openid", "nonce": "n"}
    # The last one says that the user has seen the request.
    query = urllib.parse.urlencode({**asked, "g_continue": ""})
    code = code_of(answered(port, "GET", f"/api/oidc/auth?{query}", cookie=user))
    return {"token_url": f"{issuer}/token", "issuer": issuer, "code": code}


serve_child(["glewlwyd", "--config-file", settings], port, set_up)
