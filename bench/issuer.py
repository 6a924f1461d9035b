"""An issuer with one key: prints its address and a token of a reader, then serves its documents until it is ended."""

import json
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from joserfc import jwt
from joserfc.jwk import RSAKey

key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"}, private=True)


class Documents(BaseHTTPRequestHandler):
    def do_GET(self):
        issuer = f"http://127.0.0.1:{self.server.server_port}"
        documents = {
            "/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"},
            "/jwks": {"keys": [key.as_dict(private=False)]},
        }
        body = json.dumps(documents.get(self.path, {})).encode()
        self.send_response(200 if self.path in documents else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Documents)
issuer = f"http://127.0.0.1:{server.server_port}"
now = int(time.time())
claims = {"iss": issuer, "sub": "bench", "aud": "roster", "iat": now, "exp": now + 86400, "roles": ["reader"]}
print(issuer, jwt.encode({"alg": "RS256", "kid": "bench"}, claims, key), flush=True)
server.serve_forever()
