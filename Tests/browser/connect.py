#!/usr/bin/env python3
"""Connects platforms as a person does: in a headless Chromium, from the link to the live connection, at the sandbox's consent pages.

usage: connect.py PROGRAM

PROGRAM is a built `counterfoil`. On free ports of the loopback interface this starts `counterfoil sandbox` and `counterfoil up --no-demo` with a private
database in a folder of its own, makes a business with connections by the API, and goes through: QuickBooks Online and Xero (two organisations to choose
from), a no at the platform, connecting again with the same company and with another one, a link opened in two browsers, a link that was taken back.
Nothing waits for a while: it waits for what has to be on the page. Prints what was done; status 1 when anything is not as it must be.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import WebDriverException  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support import expected_conditions as until  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

PATIENCE_S = 60
REALM, OTHER_REALM = "9130350000000001", "9130350000000002"
OPERATOR = {
    "quickbooks-online": {"client_id": "sandbox-client", "client_secret": "sandbox-secret"},
    "xero": {"client_id": "sandbox-client", "client_secret": "sandbox-secret"},
    "freeagent": {"client_id": "sandbox-client", "client_secret": "sandbox-secret"},
    "shopify": {"client_id": "sandbox-client", "client_secret": "shpss_sandbox_prairie-goods"},
    "square": {"client_id": "sq0idp-CounterfoilHub", "client_secret": "sq0csp-CounterfoilHubSecret"},
    "stripe": {"client_id": "ca_CounterfoilHub", "client_secret": "sk_test_51CounterfoilHub"},
}
# Platform, its twin's address, the account where the consent page has to name it, and a word that the account shows itself by.
OTHERS = [
    ("shopify", "/shopify/prairie-goods", "prairie-goods", "prairie"), ("square", "/square", None, "USD"), ("stripe", "/stripe", None, "USD"),
    ("freeagent", "/freeagent", None, "GBP"),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class API:
    def __init__(self, base, key):
        self.base, self.key = base, key

    def __call__(self, method, path, body=None, expect=(200, 201, 204)):
        request = urllib.request.Request(self.base + path, None if body is None else json.dumps(body).encode(), method=method)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "Bearer " + self.key)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, raw = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read()
        if status not in expect:
            raise SystemExit(f"{method} {path}: {status} {raw.decode()}")
        return json.loads(raw) if raw else None


class House:
    """The program with everything it needs, for as long as the block lasts."""

    def __init__(self, program):
        self.program, self.folder = program, pathlib.Path(tempfile.mkdtemp(prefix="counterfoil-browser-"))
        self.running = []

    def start(self, name, words, environment=None):
        out = open(self.folder / f"{name}.out", "wb")
        process = subprocess.Popen([self.program, *words], stdout=out, stderr=out, env={**os.environ, **(environment or {})})
        self.running.append(process)
        return process

    def __enter__(self):
        self.port, self.sandbox_port = free_port(), free_port()
        self.base, self.sandbox = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.sandbox_port}"
        var = self.folder / "var"
        (var / "secrets").mkdir(parents=True, mode=0o700)
        (var / "secrets" / "operator.json").write_text(json.dumps(OPERATOR))
        self.start("sandbox", ["sandbox", "--port", str(self.sandbox_port)], {"COUNTERFOIL_VAR": str(self.folder / "sandbox")})
        up = self.start("up", ["up", "--no-demo", "--port", str(self.port), "--sandbox-port", str(free_port())],
                        {"COUNTERFOIL_VAR": str(var), "COUNTERFOIL_ALLOWED_HOSTS": ",".join(f"{platform}=127.0.0.1:{self.sandbox_port}" for platform in OPERATOR)})
        self.wait_for(up, var / "up.json")
        self.api = API(self.base, json.loads((var / "up.json").read_text())["api_key"])
        return self

    def wait_for(self, process, file):
        """Until the file is whole or the process is gone."""
        watch = subprocess.run(
            ["sh", "-c", 'i=0; while [ ! -s "$1" ] && kill -0 "$2" 2>/dev/null && [ $i -lt 240 ]; do sleep 0.5; i=$((i+1)); done; [ -s "$1" ]',
             "sh", str(file), str(process.pid)])
        if watch.returncode:
            raise SystemExit("counterfoil up did not get ready:\n" + (self.folder / "up.out").read_text()[-3000:])

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.send_signal(signal.SIGINT)
        for process in reversed(self.running):
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()
                print("a process did not end after Ctrl-C", file=sys.stderr)
        link = self.folder / "var" / "postgres"
        if link.is_symlink():
            shutil.rmtree(link.resolve().parent, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Person:
    """Somebody at a browser of their own: no cookie of anybody else's."""

    def __init__(self, narrow=False, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "/usr/bin/chromium"
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--window-size={'360,740' if narrow else '1200,900'}"):
            options.add_argument(word)
        if dark:
            options.add_argument("--force-dark-mode")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or "/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def open(self, url):
        self.driver.get(url)

    def see(self, id):
        """The element of this id, once it is there."""
        try:
            # In the middle of a navigation the driver may say anything: it is asked again.
            return WebDriverWait(self.driver, PATIENCE_S, ignored_exceptions=(WebDriverException,)).until(until.presence_of_element_located((By.ID, id)))
        except Exception:
            raise SystemExit(f"no #{id} at {self.driver.current_url}:\n{self.driver.find_element(By.TAG_NAME, 'body').text}") from None

    def press(self, id):
        """By keyboard: the button gets the focus and the Enter key."""
        self.see(id).send_keys(Keys.ENTER)

    def choose(self, *names):
        """At a consent page or ours: exactly the choices whose labels begin so."""
        for label in self.driver.find_elements(By.CSS_SELECTOR, "label"):
            box = label.find_element(By.TAG_NAME, "input")
            if box.is_selected() != any(label.text.strip().startswith(name) for name in names) and (box.get_attribute("type") == "checkbox" or not box.is_selected()):
                box.send_keys(Keys.SPACE)

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def complaints(self):
        """What the browser says against the pages since it was asked last: a style or form that the policy forbids, markup of another origin. That a page was
        answered with a refusal, which these journeys ask for, it says as well."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        return [words for words in said if "favicon" not in words and "the server responded with a status of 4" not in words]

    def fits(self):
        return self.driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


class Check:
    def __init__(self):
        self.done = self.failed = 0

    def __call__(self, what, good, detail=""):
        if good:
            self.done += 1
            print(f"ok      {what}")
        else:
            self.failed += 1
            print(f"FAILED  {what}: {detail}")


def business(api):
    consultancy = api("POST", "/v1/consultancies", {"slug": "north", "name": "North Advisers"})["id"]
    tenant = api("POST", "/v1/tenants", {"consultancy": consultancy, "slug": "prairie", "name": "Prairie Goods"})["id"]
    api("POST", f"/v1/tenants/{tenant}/organisations",
        {"slug": "main", "name": "Prairie Goods LLC", "country": "US", "base_currency": "USD", "time_zone": "America/Chicago"})
    return tenant


def connection(house, tenant, slug, platform, path, account=None):
    asked = {"slug": slug, "platform": platform, "base_url": house.sandbox + path}
    return house.api("POST", f"/v1/tenants/{tenant}/connections", {**asked, "account": account} if account else asked)["id"]


def link(api, id, kind="authorization"):
    return api("POST", f"/v1/connections/{id}/{kind}", {} if kind == "invitation" else None)


def quickbooks(house, tenant, check):
    id = connection(house, tenant, "books", "quickbooks-online", "/qbo")
    asked = link(house.api, id, "invitation")
    with Person() as person:
        person.open(asked["url"])
        check("the page says who asks for what", all(word in person.text() for word in ("North Advisers", "Prairie Goods", "QuickBooks Online", "invoices")), person.text())
        person.press("continue")
        person.see("allow")
        check("the browser is at the platform", house.sandbox in person.driver.current_url, person.driver.current_url)
        person.press("allow")
        person.see("confirm")
        check("the company is shown beside what is expected", all(word in person.text() for word in ("Prairie Goods LLC", "USD", "Expected", REALM)), person.text())
        check("nothing is connected before the yes", house.api("GET", f"/v1/connections/{id}")["state"] == "new")
        person.press("confirm")
        person.see("done")
        now = house.api("GET", f"/v1/connections/{id}")
        check("the connection is live under the company's id", (now["state"], now["account"]) == ("live", REALM), now)
        check("the address bar holds no code", "code=" not in person.driver.current_url and "state=" not in person.driver.current_url, person.driver.current_url)
        found = person.complaints()
        check("the browser has nothing against the pages", not found, found)
    return id


def twice(house, id, check):
    asked = link(house.api, id, "invitation")
    with Person() as first, Person() as second:
        first.open(asked["url"])
        second.open(asked["url"])
        first.press("continue")
        first.see("allow")
        second.press("continue")
        second.see("why")
        check("a link works in one browser only", second.see("code").text == "consent_link_used", second.text())
        first.press("deny")
        first.see("why")
        check("a no at the platform is told as such", first.see("code").text == "consent_declined", first.text())
        first.open(asked["url"])
        check("the browser that used it is shown what came of it", first.see("code").text == "consent_declined", first.text())
    asked = link(house.api, id, "invitation")
    house.api("DELETE", f"/v1/authorizations/{asked['id']}")
    with Person() as person:
        person.open(asked["url"])
        check("a link that was taken back says so", person.see("code").text == "consent_revoked", person.text())


def again(house, id, check):
    before = house.api("GET", f"/v1/connections/{id}")
    with Person() as person:
        person.open(link(house.api, id)["url"])
        check("the page names the account that it must be", REALM in person.text(), person.text())
        person.press("continue")
        person.see("allow")
        person.choose("Lakeview Antiques")
        person.press("allow")
        person.see("why")
        check("another company is refused in clear words", person.see("code").text == "consent_other_account" and OTHER_REALM in person.text(), person.text())
        now = house.api("GET", f"/v1/connections/{id}")
        check("and nothing has changed", (now["state"], now["credential"]) == ("live", before["credential"]), now)
        person.open(link(house.api, id)["url"])
        person.press("continue")
        person.press("allow")
        person.see("confirm")
        check("the same company is shown beside what it was before", "As it was before" in person.text() and "differs" not in person.text(), person.text())
        person.press("confirm")
        person.see("done")
        now = house.api("GET", f"/v1/connections/{id}")
        check("it is the same connection with a new credential",
              now["state"] == "live" and now["created_at"] == before["created_at"] and now["credential"]["version"] > before["credential"]["version"], now)


def xero(house, tenant, check):
    id = connection(house, tenant, "xero", "xero", "/xero")
    with Person(narrow=True, dark=True) as person:
        person.open(link(house.api, id)["url"])
        check("the page fits a phone", person.fits())
        person.press("continue")
        person.see("allow")
        person.choose("Thames Pottery Ltd", "Severn Glass Ltd")
        person.press("allow")
        person.see("confirm")
        check("both organisations are there to choose from, marked as differing from the expected country",
              all(word in person.text() for word in ("Thames Pottery Ltd", "Severn Glass Ltd", "differs in country and currency")), person.text())
        check("the question fits a phone", person.fits())
        person.choose("Thames Pottery Ltd")
        person.press("confirm")
        person.see("why")
        check("what differs has to be said yes to", "Tick the box" in person.text(), person.text())
        person.choose("Thames Pottery Ltd", "I know that")
        person.press("confirm")
        person.see("done")
        now = house.api("GET", f"/v1/connections/{id}")
        check("the chosen organisation is connected", now["state"] == "live" and now["identity"]["name"] == "Thames Pottery Ltd", now)
        found = person.complaints()
        check("the browser has nothing against the pages", not found, found)


def others(house, tenant, check):
    for platform, path, account, word in OTHERS:
        id = connection(house, tenant, platform, platform, path, account)
        with Person() as person:
            person.open(link(house.api, id)["url"])
            person.press("continue")
            person.press("allow")
            person.see("confirm")
            check(f"{platform} shows its account", word.lower() in person.text().lower(), person.text())
            if "differs" in person.text():
                person.choose("It is the right one")
            person.press("confirm")
            person.see("done")
            check(f"{platform} is live", house.api("GET", f"/v1/connections/{id}")["state"] == "live")


def trail(house, tenant, check):
    rows = house.api("GET", f"/v1/tenants/{tenant}/audit?limit=200")["items"]
    said = {(row["action"], (row.get("detail") or {}).get("fault")) for row in rows}
    for wanted in (("consent.confirmed", None), ("consent.failed", "consent_declined"), ("consent.failed", "consent_other_account"),
                   ("consent.turned_away", "consent_link_used"), ("consent.revoked", None)):
        check(f"the trail has {wanted[0]} {wanted[1] or ''}", wanted in said, sorted(map(str, said)))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    check = Check()
    with House(sys.argv[1]) as house:
        tenant = business(house.api)
        id = quickbooks(house, tenant, check)
        twice(house, id, check)
        again(house, id, check)
        xero(house, tenant, check)
        others(house, tenant, check)
        trail(house, tenant, check)
    print(f"{check.done} passed, {check.failed} failed")
    return 1 if check.failed or not check.done else 0


if __name__ == "__main__":
    sys.exit(main())
