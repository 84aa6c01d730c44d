"""What the scripts beside this one share: a way into the twins through the vendors' own SDKs, the sandbox's control endpoints, and a receiver of
webhooks.
"""

import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer

# The twins speak plain HTTP on the loopback interface; the SDKs' OAuth layer must be told that this is meant.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)
warnings.filterwarnings("ignore", category=DeprecationWarning)

from intuitlib.client import AuthClient  # noqa: E402
from intuitlib.enums import Scopes  # noqa: E402
from quickbooks import QuickBooks  # noqa: E402
from xero_python.accounting import AccountingApi  # noqa: E402
from xero_python.api_client import ApiClient  # noqa: E402
from xero_python.api_client.configuration import Configuration  # noqa: E402
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi  # noqa: E402
from xero_python.identity import IdentityApi  # noqa: E402

CLIENT_ID, CLIENT_SECRET, BACK = "sandbox-client", "sandbox-secret", "http://127.0.0.1/back"
TRIES_MOST = 120
PATIENCE_S = 30


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def consent(url):
    """What a browser does whose user always agrees: the code from the redirect."""
    try:
        urllib.request.build_opener(NoRedirect).open(url, data=b"decision=allow", timeout=30)
    except urllib.error.HTTPError as answer:
        if answer.code == 302:
            query = urllib.parse.urlparse(answer.headers["Location"]).query
            return dict(urllib.parse.parse_qsl(query))
        raise
    raise SystemExit("the consent page did not send the browser back")


def discovery(document):
    """Serves intuit-oauth the discovery document that says where the twin's endpoints are; returns its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/discovery"


class PatientQuickBooks(QuickBooks):
    """The SDK gives up at 429; the twin keeps the vendor's limit of ten requests a second."""

    def process_request(self, *args, **kwargs):
        for _ in range(TRIES_MOST):
            answer = super().process_request(*args, **kwargs)
            if answer.status_code != 429:
                return answer
            time.sleep(1)
        return answer


def connect_quickbooks(base):
    """The SDK's client for the company of the twin at that address, with tokens from its own consent page."""
    where = discovery({
        "authorization_endpoint": base + "/connect/oauth2", "token_endpoint": base + "/oauth2/v1/tokens/bearer",
        "revocation_endpoint": base + "/v2/oauth2/tokens/revoke", "userinfo_endpoint": base + "/userinfo", "issuer": base,
        "jwks_uri": base + "/jwks",
    })
    auth = AuthClient(CLIENT_ID, CLIENT_SECRET, BACK, where)
    answer = consent(auth.get_authorization_url([Scopes.ACCOUNTING], state_token="state-1"))
    auth.get_bearer_token(answer["code"], realm_id=answer["realmId"])
    auth.refresh()
    PatientQuickBooks.api_url_v3 = PatientQuickBooks.sandbox_api_url_v3 = base + "/v3"
    return PatientQuickBooks(auth_client=auth, refresh_token=auth.refresh_token, company_id=answer["realmId"], minorversion=75, use_decimal=True)


def connect_xero(base):
    """The SDK's accounting API and the organisation's tenant id of the twin at that address, with tokens from its own consent page."""
    query = urllib.parse.urlencode({
        "client_id": CLIENT_ID, "response_type": "code", "redirect_uri": BACK, "scope": "offline_access accounting.invoices", "state": "state-1"})
    code = consent(f"{base}/identity/connect/authorize?{query}")["code"]
    form = urllib.parse.urlencode({
        "grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}).encode()
    with urllib.request.urlopen(f"{base}/identity/connect/token", data=form, timeout=30) as reply:
        held = {"token": json.load(reply)}
    TokenApi.refresh_token_url = base + "/identity/connect/token"
    client = ApiClient(
        Configuration(oauth2_token=OAuth2Token(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)), pool_threads=1,
        oauth2_token_getter=lambda: held["token"], oauth2_token_saver=lambda token: held.update(token=token))
    held["token"] = {k: v for k, v in held["token"].items() if k in ("access_token", "expires_in", "token_type", "refresh_token", "scope")}
    held["token"]["scope"] = held["token"]["scope"].split(" ")
    client.refresh_oauth2_token()
    connections = IdentityApi(client, base_url=base).get_connections()
    if len(connections) != 1:
        raise SystemExit(f"{len(connections)} Xero organisations are connected, not one")
    tenant = str(connections[0].tenant_id)
    return AccountingApi(client, base_url=base + "/api.xro/2.0"), tenant


class World:
    """What happens without anybody asking the API."""

    def __init__(self, sandbox, name):
        self.sandbox, self.name = sandbox, name

    def happens(self, do, **more):
        data = json.dumps({"do": do, **more}).encode()
        request = urllib.request.Request(f"{self.sandbox}/_sandbox/{self.name}/happen", data=data, method="POST")
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)


class Intake:
    """Receives webhooks; `judge` gets each body and the headers, and says the status it is answered with."""

    def __init__(self, judge):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(judge(body, self.headers))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/hooks"


def wait_for(truth):
    """Whether it becomes so while patience lasts."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if truth():
            return True
        time.sleep(0.1)
    return False


class Expectations:
    """Counts what was not met."""

    def __init__(self):
        self.wrong = []

    def expect(self, truth, words):
        if not truth:
            self.wrong.append(words)
            print("NOT MET " + words)

    def refused(self, kind, words, call):
        """The error of a call that must be refused as this kind; None where it was not."""
        try:
            call()
        except kind as error:
            return error
        self.expect(False, words + ": not refused")
        return None
