"""A small OpenID Connect provider on a real socket: discovery, authorize, token, keys. It logs in whom a test names."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "watchglass", "client-secret-7d31"


class Provider:
    """Checks what a provider must: client, redirect URI, secret, PKCE; each code is good once."""

    def __init__(self):
        self.person = {}
        self.redirect_uri = ""
        self.changes = {}
        """Claims to put into the next token besides, or in place of, its own."""
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.signs_with = self.key
        self.refusals = []
        self._codes = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def discovery(self):
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }

    def authorize(self, asked):
        """Where to send the browser back to."""
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != self.redirect_uri:
            self.refusals.append("client or redirect URI")
            return None
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            self.refusals.append("no code or no PKCE")
            return None
        code = secrets.token_urlsafe(16)
        self._codes[code] = (asked, dict(self.person))
        return f"{self.redirect_uri}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form, authorization):
        """The answer of the token endpoint; None = refused."""
        kind, _, value = authorization.partition(" ")
        given = (
            base64.b64decode(value).decode()
            if kind == "Basic"
            else f"{form.get('client_id')}:{form.get('client_secret')}"
        )
        asked, person = self._codes.pop(form.get("code"), ({}, {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if given != f"{CLIENT}:{SECRET}" or not asked or proof != asked["code_challenge"]:
            self.refusals.append("secret, code or PKCE")
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": asked.get("nonce")}
        claims |= {"sub": person["email"], **person, **self.changes}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signs_with)
        return {"access_token": "at", "token_type": "Bearer", "expires_in": 3600, "id_token": signed}

    def _handler(provider):
        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in {
                    "Content-Length": str(len(body)),
                    "Content-Type": "application/json",
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                address = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(address.query).items()}
                if address.path == "/.well-known/openid-configuration":
                    self._answer(200, json.dumps(provider.discovery()).encode())
                elif address.path == "/keys":
                    self._answer(200, json.dumps({"keys": [provider.key.as_dict(private=False)]}).encode())
                elif address.path == "/authorize" and (target := provider.authorize(asked)):
                    self._answer(302, Location=target)
                else:
                    self._answer(400)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                answer = provider.token(form, self.headers.get("Authorization", ""))
                error = {"error": "invalid_grant"}
                self._answer(200 if answer else 400, json.dumps(answer or error).encode())

            def log_message(self, *_):
                return

        return Handler
