"""lemonldap-ng with one user, who has signed in at a client: ``python lemonldap_ng.py FOLDER``."""

import json
import os
import sys
import urllib.parse
from pathlib import Path

from _child import answered, code_of, serve_child
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ports import free_port

SECRET = "hush-hush"
REDIRECT = "https://app.example/callback"

folder = Path(sys.argv[1])
for name in ("conf", "sessions", "sessions/lock", "psessions", "psessions/lock", "cache"):
    (folder / name).mkdir(parents=True)
port = free_port()
base = f"http://127.0.0.1:{port}"
(folder / "lemonldap-ng.ini").write_text(f"""
[all]
logLevel = warn
[configuration]
type = File
dirName = {folder / "conf"}
[portal]
templateDir = /usr/share/lemonldap-ng/portal/templates
staticPrefix = /static
""")
# It loads what draws captchas, and no captcha is ever shown.
(folder / "portal.psgi").write_text("""
BEGIN { $INC{"GD/SecurityImage.pm"} = 1 }
use Lemonldap::NG::Portal::Main;
Lemonldap::NG::Portal::Main->run({});
""")


def storage(name):
    """Where it keeps sessions."""
    return {
        "Directory": str(folder / name),
        "LockDirectory": str(folder / name / "lock"),
        "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256",
    }


def configuration():
    """A portal with its users for demonstrations, and one client."""
    key = rsa.generate_private_key(65537, 2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    client = {
        "ClientID": "app",
        "ClientSecret": SECRET,
        "RedirectUris": REDIRECT,
        "BypassConsent": 1,
        "RefreshToken": 1,
        "IDTokenSignAlg": "RS256",
        "AccessTokenJWT": 1,
        "AccessTokenSignAlg": "RS256",
        "AdditionalAudiences": "https://server.example/mcp",
    }
    return {
        "cfgNum": 1,
        "cfgAuthor": "test",
        "cfgDate": 1,
        "portal": f"{base}/",
        "domain": "127.0.0.1",
        "cookieName": "lemonldap",
        "securedCookie": 0,
        "authentication": "Demo",
        "userDB": "Same",
        "requireToken": 0,
        "locationRules": {"127.0.0.1": {"default": "accept"}},
        "globalStorage": "Apache::Session::File",
        "globalStorageOptions": storage("sessions"),
        "persistentStorage": "Apache::Session::File",
        "persistentStorageOptions": storage("psessions"),
        "localSessionStorage": "Cache::FileCache",
        "localSessionStorageOptions": {"namespace": "sessions", "cache_root": str(folder / "cache")},
        "issuerDBOpenIDConnectActivation": 1,
        "oidcServiceAllowAuthorizationCodeFlow": 1,
        "oidcServicePrivateKeySig": private.decode(),
        "oidcServicePublicKeySig": public.decode(),
        "oidcServiceKeyIdSig": "key",
        "oidcRPMetaDataExportedVars": {"app": {"email": "mail", "name": "cn"}},
        "oidcRPMetaDataOptions": {"app": {f"oidcRPMetaDataOptions{name}": value for name, value in client.items()}},
    }


(folder / "conf" / "lmConf-1.json").write_text(json.dumps(configuration()))


def set_up():
    """Let one of its users for demonstrations sign in at the client."""
    credentials = {"user": "dwho", "password": "dwho"}
    session = json.loads(answered(port, "POST", "/", body=credentials, accept="application/json").text)["id"]
    asked = {"response_type": "code", "client_id": "app", "redirect_uri": REDIRECT, "scope": "openid", "nonce": "n"}
    path = f"/oauth2/authorize?{urllib.parse.urlencode(asked)}"
    code = code_of(answered(port, "GET", path, cookie=f"lemonldap={session}"))
    return {"token_url": f"{base}/oauth2/token", "issuer": f"{base}/", "code": code}


serve_child(
    ["plackup", "--host", "127.0.0.1", "--port", str(port), "--env", "deployment", folder / "portal.psgi"],
    port,
    set_up,
    env={**os.environ, "LLNG_DEFAULTCONFFILE": str(folder / "lemonldap-ng.ini")},
)
