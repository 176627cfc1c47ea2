"""Servers that answer as a test wants: a service for tokens, a registry that fails, a hostile one."""

import base64
import contextlib
import http.server
import json
import subprocess
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests import parts


@contextlib.contextmanager
def answering(answer):
    """Serve `answer(handler)` for every request; give `host:port`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self):
            with contextlib.suppress(ConnectionError):
                super().handle_one_request()

        def log_message(self, *_):
            pass

        def body(self):
            if self.headers.get("transfer-encoding") == "chunked":
                data = b""
                while size := int(self.rfile.readline(), 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return data
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def reply(self, status, data=b"", **headers):
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def __getattr__(self, name):
            if name.startswith("do_"):
                return lambda: answer(self)
            raise AttributeError(name)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Tokens:
    """A service for tokens as docker-registry believes it: JWTs signed by a key whose certificate it has."""

    def __init__(self, folder: Path, users: dict[str, str]):
        self.key, self.certificate, self.users = folder / "key.pem", folder / "certificate.pem", users
        self.asked: list[dict[str, str]] = []
        self.seconds = 300
        subprocess.run(
            [parts.need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tokens",
             "-days", "2", "-keyout", self.key, "-out", self.certificate],
            check=True, capture_output=True,
        )  # fmt: skip

    def configuration(self, host: str) -> str:
        return (
            f"auth:\n  token:\n    realm: http://{host}/token\n    service: registry\n    issuer: tokens\n"
            f"    rootcertbundle: {self.certificate}\n"
        )

    def answer(self, handler) -> None:
        form = {k: v[0] for k, v in parse_qs(handler.body().decode()).items()}
        query = parse_qs(urlsplit(handler.path).query)
        scopes = " ".join(query.get("scope", [form.get("scope", "")]))
        basic = handler.headers.get("authorization", "").removeprefix("Basic ")
        user, _, secret = base64.b64decode(basic).decode().partition(":")
        self.asked.append({"method": handler.command, "scope": scopes, "user": user, **form})
        if form.get("grant_type") == "refresh_token":
            known = form["refresh_token"] in self.users.values()
            user = "by-token"
        else:
            known = user != "" and self.users.get(user) == secret
        if user and not known:
            handler.reply(401, b'{"details": "no"}')
            return
        access = [self._granted(one, known) for one in scopes.split()]
        body = {"token": self._token(user, access), "expires_in": self.seconds}
        if form:
            body = {"access_token": body.pop("token"), **body}
        handler.reply(200, json.dumps(body).encode(), Content_Type="application/json")

    def _granted(self, scope: str, known: bool) -> dict:
        kind, name, actions = scope.split(":")
        allowed = [
            one for one in actions.split(",") if known or (one == "pull" and name.startswith("public/"))
        ]
        return {"type": kind, "name": name, "actions": allowed}

    def _token(self, user: str, access: list) -> str:
        chain = "".join(self.certificate.read_text().splitlines()[1:-1])
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
        claims = {
            "iss": "tokens", "sub": user, "aud": "registry", "exp": now + 600, "nbf": now - 10, "iat": now,
            "jti": uuid.uuid4().hex, "access": access,
        }  # fmt: skip
        text = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        signed = subprocess.run(
            [parts.need("openssl"), "dgst", "-sha256", "-sign", self.key],
            input=text.encode(),
            check=True,
            capture_output=True,
        )
        return f"{text}.{_encoded(signed.stdout)}"
