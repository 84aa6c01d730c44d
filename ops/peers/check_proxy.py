#!/usr/bin/env python3
"""Has nginx run ops/nginx/counterfoil.conf, with ports, certificate and upstream of its own, and asks through it: what the control plane needs
of a proxy arrives (Host with its port, the scheme), large deliveries pass and larger ones do not, and /metrics stays inside.

usage: check_proxy.py CONF FOLDER
"""

import http.server
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

NAME = "books.example.com"


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the fields that came, in the place of the control plane."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = "\n".join(f"{name.lower()}: {value}" for name, value in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def configure(source, folder, echo, plain, tls):
    """The file as it stands, but for ports, certificate and upstream. Each must be there to be replaced."""
    text = source.read_text()
    for old, new in [
        ("server 127.0.0.1:8080;", f"server 127.0.0.1:{echo};"), ("listen 80;", f"listen 127.0.0.1:{plain};"), ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
        ("/etc/ssl/certs/books.example.com.pem", f"{folder}/cert.pem"), ("/etc/ssl/private/books.example.com.key", f"{folder}/key.pem"),
    ]:
        if text.count(old) != 1:
            sys.exit(f"proxy: {source} has no single '{old}'")
        text = text.replace(old, new)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    (folder / "site.conf").write_text(text)
    # As root nginx would give its workers a user of their own, who may not read this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log warn; events {{}}\nhttp {{ access_log off; {temporary} include {folder}/site.conf; }}\n")


def main():
    source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, stderr=subprocess.DEVNULL)
    echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    plain, tls = free_port(), free_port()
    configure(source, folder, echo.server_port, plain, tls)
    subprocess.run(["nginx", "-t", "-q", "-e", folder / "error.log", "-c", folder / "nginx.conf"], check=True)
    nginx = subprocess.Popen(["nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    unchecked = ssl._create_unverified_context()
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=unchecked))

    def ask(path, size=None):
        request = urllib.request.Request(f"https://127.0.0.1:{tls}{path}", data=None if size is None else b"a" * size, headers={"Host": f"{NAME}:{tls}"})
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    wrong = []
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", tls), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        status, fields = ask("/sign-in")
        for field in [f"host: {NAME}:{tls}", "x-forwarded-proto: https"]:
            if status != 200 or field not in fields.split("\n"):
                wrong.append(f"/sign-in: {status}, and no '{field}' reached the control plane")
        for path, size, expected in [("/metrics", None, 404), ("/console/events", None, 200), ("/hooks/x", 4 << 20, 200), ("/hooks/x", (4 << 20) + 1, 413)]:
            if (status := ask(path, size)[0]) != expected:
                wrong.append(f"{path} with {size or 0} bytes: {status}, expected {expected}")
    finally:
        nginx.terminate()
        nginx.wait(10)
    if wrong:
        sys.exit("proxy: " + "; ".join(wrong))


main()
