"""A real identity provider for the tests: Canaille, run by pytest-iam.

usage: identity_provider.py PORT DIRECTORY

Keeps its keys in the directory, so that it is the same provider after a restart. Says "ready" when it serves;
then does what each line of stdin says and answers with one line:

    rotate    signs with a new key, and goes on publishing the old ones
    retire    publishes only the key that signs

Canaille signs the access tokens of users as JWTs, but gives opaque ones for client credentials; for those the
generator of RFC 9068 tokens is registered, which Authlib, the library underneath, has for that.
"""

import json
import os
import sys
import threading
from pathlib import Path

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain HTTP on loopback

from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from canaille import create_app
from canaille.backends import Backend
from canaille.oidc.jose import server_jwks
from canaille.oidc.provider import authorization, get_issuer
from joserfc.jwk import JWKRegistry
from pytest_iam import Server


class ClientTokens(JWTBearerTokenGenerator):
    """Access tokens in the form of RFC 9068 for clients that act for themselves."""

    def get_jwks(self):
        return server_jwks(include_inactive=False)

    def get_audiences(self, client, user, scope):
        return ["roster"]

    def get_extra_claims(self, client, grant_type, user, scope):
        return {"roles": ["writer"]}


def new_key():
    key = JWKRegistry.generate_key("RSA", 2048)
    key.ensure_kid()
    return key.as_dict(private=True)


def main():
    port, directory = int(sys.argv[1]), Path(sys.argv[2])
    store = directory / "keys.json"
    keys = json.loads(store.read_text()) if store.exists() else {"active": [new_key()], "inactive": []}
    app = create_app(
        config={
            "TESTING": True,
            "ENV_FILE": None,
            "SECRET_KEY": "of a provider that lives as long as a test",
            "WTF_CSRF_ENABLED": False,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"localhost:{port}",
            "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": keys["active"], "INACTIVE_JWKS": keys["inactive"]},
        },
    )
    with app.app_context():
        authorization.register_token_generator("client_credentials", ClientTokens(issuer=get_issuer()))
    server = Server(app, port, Backend.instance)
    with app.app_context():
        client = server.models.Client(
            client_id="sync",
            client_secret="not-secret",
            client_name="sync",
            grant_types=["client_credentials", "password"],
            token_endpoint_auth_method="client_secret_basic",
            scope=["openid", "profile", "email", "groups"],
        )
        server.backend.save(client)
        client.audience = [client]
        server.backend.save(client)
        server.random_user(user_name="ana", password="not-secret")
    threading.Thread(target=server.httpd.serve_forever, daemon=True).start()

    def keep():
        settings = app.config["CANAILLE_OIDC"]
        settings["ACTIVE_JWKS"], settings["INACTIVE_JWKS"] = keys["active"], keys["inactive"]
        store.write_text(json.dumps(keys))

    keep()
    print("ready", flush=True)
    for line in sys.stdin:
        command = line.strip()
        if command == "rotate":
            keys["inactive"] = keys["active"] + keys["inactive"]
            keys["active"] = [new_key()]
        elif command == "retire":
            keys["inactive"] = []
        keep()
        print("done", flush=True)


main()
