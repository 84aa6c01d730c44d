"""Who receives alerts in ops/test: a mail server (aiosmtpd: SMTP with STARTTLS, and SMTP under TLS; both want a login) and a webhook that checks its
signature. Each message is a line of JSON in FOLDER/mail.jsonl or FOLDER/hooks.jsonl; FOLDER/ports.json is written once all listen."""

import asyncio
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import ssl
import sys
import threading
import time

from aiosmtpd.smtp import AuthResult, LoginPassword, SMTP

folder, certificate, key, user, password, secret = sys.argv[1:7]
lock = threading.Lock()


def keep(name, line):
    with lock, open(f"{folder}/{name}.jsonl", "a") as out:
        out.write(json.dumps(line) + "\n")


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=good, handled=False, auth_data=data if good else None)


class Mail:
    def __init__(self, door):
        self.door = door
        self.greylisted = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such person here"
        # The first time is refused for a while, as many servers do.
        if address.startswith("grey@") and address not in self.greylisted:
            self.greylisted.add(address)
            return "451 4.7.1 come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        raw = envelope.original_content
        message = email.message_from_bytes(raw, policy=email.policy.default)
        keep("mail", {
            "door": self.door, "tls": session.ssl is not None or self.door == "smtps", "login": session.auth_data.login.decode() if session.auth_data else None,
            "ehlo": session.host_name, "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": message["Subject"], "id": message["Message-ID"],
            "headers": [k for k, _ in message.items()], "text": message.get_content(), "defects": [str(d) for d in message.defects],
            "longest": max(len(line) for line in raw.split(b"\r\n")), "bare": raw.replace(b"\r\n", b"").count(b"\n"),
        })
        return "250 2.0.0 taken"


class Hook(http.server.BaseHTTPRequestHandler):
    fails = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = dict(part.split("=", 1) for part in self.headers["Counterfoil-Signature"].split(","))
        wanted = hmac.new(secret.encode(), signature["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        good = hmac.compare_digest(wanted, signature["v1"]) and abs(time.time() - int(signature["t"])) < 300
        told = json.loads(body)
        # Each message is refused once, so that each is tried again.
        first = self.fails.setdefault(told["id"], 0) == 0 and told["type"] != "alert.test"
        self.fails[told["id"]] += 1
        keep("hooks", {"genuine": good, "refused": first, "delivery": self.headers["Counterfoil-Delivery"], "attempt": int(self.headers["Counterfoil-Attempt"]), "body": told})
        self.send_response(503 if first else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    common = {"hostname": "mail.test", "auth_required": True, "authenticator": authenticate, "loop": loop}
    plain, encrypted = Mail("smtp"), Mail("smtps")
    servers = {
        "smtp": await loop.create_server(lambda: SMTP(plain, tls_context=context, require_starttls=True, **common), "127.0.0.1", 0),
        "smtps": await loop.create_server(lambda: SMTP(encrypted, auth_require_tls=False, **common), "127.0.0.1", 0, ssl=context),
    }
    hooks = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hooks.serve_forever, daemon=True).start()
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    with open(f"{folder}/ports.json.new", "w") as out:
        json.dump(ports | {"hooks": hooks.server_address[1]}, out)
    os.rename(f"{folder}/ports.json.new", f"{folder}/ports.json")
    await asyncio.Event().wait()


asyncio.run(main())
