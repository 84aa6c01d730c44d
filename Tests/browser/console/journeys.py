#!/usr/bin/env python3
"""Three people work at the console: a consultancy, a business' own bookkeeper and somebody of the support.

usage: journeys.py UP_JSON [--screenshots FOLDER]

UP_JSON is the file that `counterfoil up` writes once a day was played. A headless Chromium does what they would do; every page that it sees is looked at by
page.js in light and dark, wide and as narrow as a phone, and nothing may stand on the browser's own console. Exit status 1 with every fault.

FOLDER gets the pictures of docs/screenshots, and one of each journey that failed. pngquant and optipng make them smaller where they are installed.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException, TimeoutException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE = 30
# What the documentation shows, and the most that one of them may weigh.
PICTURES = {"tenants", "tenants-dark", "tenant", "connection", "inbox-phone", "mapping", "mapping-phone", "watch", "document", "rules"}
PICTURE_BYTES = 150_000
WIDE, PHONE = (1280, 860), (390, 844)
# Whether pages lead to the sign-in by now.
ENDED = "const done = arguments[arguments.length - 1]; fetch('/inbox').then(r => done(r.status == 401 || r.url.includes('/sign-in')), () => done(false))"
# The driver says one of these before it has clicked.
NOT_CLICKED = (StaleElementReferenceException, ElementNotInteractableException, ElementClickInterceptedException)
LOOK = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.js"), encoding="utf-8").read()


class API:
    """The HTTP API with a key."""

    def __init__(self, base, key):
        self.base, self.key = base, key

    def __call__(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def is_refused(self):
        try:
            self("GET", "/v1/key")
            return False
        except urllib.error.HTTPError as error:
            return error.code == 401


class Console:
    """A browser, and what was wrong in it."""

    def __init__(self, base, pictures):
        self.base, self.pictures, self.faults, self.looks = base, pictures, [], 0
        options = Options()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver" if os.path.exists("/usr/bin/chromedriver") else "chromedriver"))
        self.driver.set_page_load_timeout(PATIENCE)
        self.size(WIDE)
        self.scheme("light")

    def close(self):
        self.driver.quit()

    # What a person does

    def go(self, path):
        self.driver.get(self.base + path)

    def find(self, css):
        return self.wait(lambda d: d.find_elements(By.CSS_SELECTOR, css), css)[0]

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def wait(self, condition, what, seconds=PATIENCE):
        """What `condition` makes of the page, once that is something. In the middle of a navigation the driver may say anything: it is asked again."""
        try:
            return WebDriverWait(self.driver, seconds, poll_frequency=0.1, ignored_exceptions=[WebDriverException]).until(condition)
        except TimeoutException as error:
            try:
                seen = f"at {self.driver.current_url}: {self.text()[:300]!r}"
            except WebDriverException as other:
                seen = f"and the page can't be read: {other.msg}"
            raise AssertionError(f"waited {seconds} s for {what} {seen}") from error

    def press(self, found, what):
        """Clicks once on what `found` finds, as a person does who tries again when the page was renewed below the pointer. A click that has begun a
        navigation is not made again, whatever the driver says of it: what has to follow from it is looked at by whoever asked."""
        def once(driver):
            element = found(driver)
            if not element:
                return False
            try:
                element.click()
            except NOT_CLICKED:
                return False
            except WebDriverException as error:
                return "does not belong to the document" not in str(error.msg)
            return True

        self.wait(once, f"{what} to be clicked")

    def attribute(self, css, name):
        return self.wait(lambda d: d.find_element(By.CSS_SELECTOR, css).get_attribute(name), f"{css} and its {name}")

    def type(self, css, words):
        """Into a field, all of it or none: a page that was renewed meanwhile has an empty one."""
        def once(driver):
            field = driver.find_element(By.CSS_SELECTOR, css)
            field.clear()
            field.send_keys(words)
            return field.get_attribute("value") == words

        self.wait(once, f"{words!r} to stand in {css}")

    def click(self, css):
        self.press(lambda d: d.find_element(By.CSS_SELECTOR, css), css)

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def sees(self, words, seconds=PATIENCE):
        self.wait(lambda d: words in d.find_element(By.TAG_NAME, "body").text, f"the words {words!r}", seconds)

    def link(self, words):
        self.press(lambda d: next((a for a in d.find_elements(By.TAG_NAME, "a") if words in a.text), None), f"the link {words!r}")

    def button(self, words):
        self.press(lambda d: next((b for b in d.find_elements(By.TAG_NAME, "button") if b.text.startswith(words) and b.is_displayed()), None), f"the button {words!r}")

    def sign_in(self, key):
        self.go("/")
        if self.all("form[action='/session/end']"):
            self.click("form[action='/session/end'] button")
        self.find("#key").send_keys(key)
        self.click("form[action='/session'] button")
        self.find("header.top")

    def sign_in_as(self, name, password):
        self.go("/")
        if self.all("form[action='/session/end']"):
            self.click("form[action='/session/end'] button")
        self.find("#name").send_keys(name)
        self.find("#password").send_keys(password)
        self.click("form[action='/session'] button")

    # What is looked at

    def size(self, size, mobile=None):
        mobile = size == PHONE if mobile is None else mobile
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": mobile})

    def scheme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def look(self, name, picture=False):
        """This page in light and dark, wide and narrow; with a picture of each when asked for."""
        for size in (WIDE, PHONE):
            self.size(size)
            for scheme in ("light", "dark"):
                self.scheme(scheme)
                self.looks += 1
                self.faults += [f"{name}, {scheme}, {size[0]} wide: {fault}" for fault in self.driver.execute_script(LOOK)]
                shot = f"{name}{'-phone' if size == PHONE else ''}{'-dark' if scheme == 'dark' else ''}"
                if self.pictures and picture and shot in PICTURES:
                    self.picture(shot)
        self.size(WIDE)
        self.scheme("light")
        self.listen(name)

    def picture(self, name):
        """The page's first screen, small enough for a repository."""
        self.driver.execute_script("document.activeElement?.blur(); scrollTo(0, 0)")
        path = os.path.join(self.pictures, f"{name}.png")
        # As high as the page, or as the screen.
        width, most = PHONE if "-phone" in name else WIDE
        end = self.driver.execute_script("return Math.ceil(document.querySelector('.foot')?.getBoundingClientRect().bottom ?? innerHeight)")
        self.size((width, min(most, end)), mobile="-phone" in name)
        self.driver.save_screenshot(path)
        self.size((width, most), mobile="-phone" in name)
        for command in (["pngquant", "--force", "--skip-if-larger", "--speed", "1", "--output", path, "128", path], ["optipng", "-quiet", "-o5", path]):
            if shutil.which(command[0]):
                # pngquant's 98 and 99: it would be larger or worse, and stays as it is.
                subprocess.run(command, check=False, timeout=60)
        if os.path.getsize(path) > PICTURE_BYTES and shutil.which("pngquant"):
            self.faults.append(f"{name}: the picture weighs {os.path.getsize(path)} bytes")

    def listen(self, name):
        """What the browser complained of: scripts that failed, what the policy kept out, files that were not there."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING"):
                self.faults.append(f"{name}: the browser says {entry['message'][:200]}")

    def tabs(self, name, count=12):
        """Whoever uses the keyboard sees where they are."""
        body = self.driver.find_element(By.TAG_NAME, "body")
        self.driver.execute_script("document.activeElement?.blur(); scrollTo(0, 0)")
        body.send_keys(Keys.TAB)
        seen = []
        for _ in range(count):
            mark = self.driver.execute_script("""
                const e = document.activeElement, s = getComputedStyle(e)
                return [e.tagName + ' ' + (e.textContent || e.name || '').trim().slice(0, 30), parseFloat(s.outlineWidth) >= 2 && s.outlineStyle !== 'none', e.getBoundingClientRect().top >= -1]""")
            seen.append(mark[0])
            if not mark[1] and not mark[0].startswith("BODY"):
                self.faults.append(f"{name}: the focus on {mark[0]} can't be seen")
            webdriver.ActionChains(self.driver).send_keys(Keys.TAB).perform()
        if len(set(seen)) < min(count, 6):
            self.faults.append(f"{name}: the keyboard reaches only {sorted(set(seen))}")


def step(words):
    print(f"  {words}", flush=True)


def consultancy(console, operator):
    """Sees its client businesses, all of them and nobody else's."""
    ours = next(c for c in operator("GET", "/v1/consultancies")["items"] if c["slug"] == "brightline")
    others = [c for c in operator("GET", "/v1/consultancies?slug=elsewhere")["items"]] or [operator("POST", "/v1/consultancies", {"slug": "elsewhere", "name": "Elsewhere & Co"})]
    if not operator("GET", "/v1/tenants?slug=hidden-harbour")["items"]:
        operator("POST", "/v1/tenants", {"consultancy": others[0]["id"], "slug": "hidden-harbour", "name": "Hidden Harbour"})
    key = operator("POST", "/v1/keys", {"label": "brightline", "scopes": ["admin"], "consultancy": ours["id"]})["key"]

    console.go("/")
    console.look("sign-in", picture=True)
    console.find("#key").send_keys("cf_00000000000000000000000000000000")
    console.click("form[action='/session'] button")
    console.sees("unknown, revoked")
    console.faults += [f"wrong key: {fault}" for fault in console.driver.execute_script(LOOK)]
    console.driver.get_log("browser")  # The browser notes the refusal itself.
    name = f"ann-{secrets.token_hex(4)}@brightline.example"
    user = operator("POST", "/v1/users", {"name": name, "scopes": ["admin"], "consultancy": ours["id"]})
    console.sign_in_as(name, "not the password")
    console.sees("the password is another one")
    console.faults += [f"wrong password: {fault}" for fault in console.driver.execute_script(LOOK)]
    console.driver.get_log("browser")
    console.sign_in_as(name, user["password"])
    console.find("header.top")
    console.sees(name)
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Live", "the page to be live")
    console.click("#live")
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Paused", "the page to stand still")
    console.go("/inbox")
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Paused", "the next page to stand still, too")
    console.click("#live")
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Live", "the page to go on")
    books = next(c["id"] for t in operator("GET", f"/v1/tenants?consultancy={ours['id']}")["items"] for c in operator("GET", f"/v1/tenants/{t['id']}/connections")["items"]
                 if c["platform"] in ("xero", "quickbooks-online"))
    console.go(f"/connections/{books}")
    console.button("Make a link for the client")
    # `up` by itself has no app at a platform that people could consent to; then the console says so.
    console.wait(lambda d: any(words in d.find_element(By.TAG_NAME, "body").text for words in ("It is shown this once", "has no app at")), "a link, or why there is none")
    console.faults += [f"link: {fault}" for fault in console.driver.execute_script(LOOK)]
    if console.all("#link"):
        assert "/connect/" in console.find("#link").get_attribute("value"), "no link is shown"
        console.link("Back to the connection")
        console.sees("not used yet")
        console.button("Take back")
        console.sees("The link leads nowhere any more")
        step("a link for the client was made and taken back")
    console.driver.get_log("browser")
    step("signed in as a user, and made pages stand still")
    console.sign_in(key)
    step("signed in as a consultancy")
    console.sees("Prairie Goods")
    console.sees("Thames Pottery")
    assert "Hidden Harbour" not in console.text(), "a consultancy sees another's client"
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Live", "the page to be live")
    console.look("tenants", picture=True)
    console.tabs("tenants")
    console.find("[data-filter=fleet]").send_keys("thames")
    console.wait(lambda d: not any(r.is_displayed() for r in d.find_elements(By.CSS_SELECTOR, "[data-row^='prairie']")), "the filter")
    console.go("/?sort=stopped&order=down")
    assert console.find("th[aria-sort]").get_attribute("aria-sort") == "descending"
    hidden = operator("GET", "/v1/tenants?slug=hidden-harbour")["items"][0]["id"]
    console.go(f"/tenants/{hidden}")
    console.sees("There is no such thing")
    console.driver.get_log("browser")
    console.go("/")
    console.link("Prairie Goods")
    console.sees("Today, step by step")
    console.look("tenant", picture=True)
    console.listen("consultancy")


def open_code(operator):
    """A tenant with a posting that waits for a reason code that nothing maps, and that code."""
    for cause in operator("GET", "/v1/report/causes")["causes"]:
        if cause["code"] == "unmapped_code":
            gaps = [g for g in operator("GET", f"/v1/tenants/{cause['tenant']}/unmapped")["items"] if g["kind"] == "reason_code"]
            if gaps:
                return cause["tenant"], gaps[0]
    raise AssertionError("the day planted no reason code that nothing maps")


def bookkeeper(console, operator):
    """Mends the mapping of a return in under a minute, and watches the posting go through."""
    tenant, gap = open_code(operator)
    key = operator("POST", "/v1/keys", {"label": "ann", "scopes": ["admin"], "tenant": tenant})["key"]
    chart = operator("GET", f"/v1/connections/{gap['ledger']}/accounts")["accounts"]
    now = {v for v in operator("GET", f"/v1/tenants/{tenant}/structure")["structure"]["accounts"].values()}
    account = next(a for a in chart if a["active"] and a["code"] in now and "return" in a["name"].lower())["code"]

    began = time.monotonic()
    console.sign_in(key)
    console.sees("Today, step by step")
    console.link("Inbox")
    console.sees("Unmapped code")
    inbox = time.monotonic() - began
    console.look("inbox", picture=True)
    console.tabs("inbox")
    began = time.monotonic() - inbox
    console.link("Fix this mapping")
    console.sees(gap["value"])
    anchor = console.attribute(f"section:has(form[data-swap] input[name=value][value='{gap['value']}'])", "id")
    Select(console.find(f"#{anchor} select")).select_by_value(account)
    console.click(f"#{anchor} button[value=preview]")
    console.sees("What this changes")
    preview = time.monotonic() - began
    assert "/inbox/unmapped_code" in console.driver.current_url, "the preview left the page"
    assert account in console.find(f"#{anchor} .preview").text
    console.look("mapping", picture=True)
    began = time.monotonic() - preview
    console.click(f"#{anchor} button[value=apply]")
    console.find("#verdict")
    seen = []

    def through(driver):
        cards = driver.find_elements(By.CSS_SELECTOR, "#watch .flight")
        states = tuple(c.get_attribute("data-state") for c in cards)
        if not seen or seen[-1] != states:
            seen.append(states)
        return "in the ledger" in driver.find_element(By.ID, "verdict").text

    console.wait(through, "the posting to go through", 60)
    took = time.monotonic() - began
    step(f"mapped {gap['value']} to {account} and saw it go through in {took:.1f} s, by way of {' > '.join('/'.join(s) for s in seen)}")
    assert took < 60, f"it took {took:.0f} s"
    console.look("watch", picture=True)
    for posting in gap["postings"]:
        shown = operator("GET", f"/v1/postings/{posting}/explain")
        assert shown["state"] in ("confirmed", "reconciled"), f"{posting} is {shown['state']}"
        lines = [line for line in shown["lines"] if line["reason_code"] == gap["value"]]
        assert lines and all(line["account"]["code"] == account for line in lines), f"{posting} stands elsewhere"
    console.click(f"#watch .flight h2 a[href='/postings/{gap['postings'][0]}']")
    console.sees("Comes from")
    console.sees("reason " + gap["value"])
    console.look("posting", picture=True)
    console.click("section.panel .list a[href^='/documents/']")
    console.sees("What the source says")
    console.look("document", picture=True)
    console.go(f"/tenants/{tenant}/documents?state=confirmed")
    console.look("documents")
    rules(console, operator, tenant)
    console.listen("bookkeeper")


def rules(console, operator, tenant):
    """Writes rules, is told what is wrong with them and what they would change, and puts them in force."""
    console.go(f"/tenants/{tenant}/rules")
    field = console.find("#rules")
    text = field.get_attribute("value")
    console.driver.execute_script("arguments[0].value = arguments[1]", field, text.rstrip()[:-1])
    console.button("Preview")
    console.sees("to mend first")
    console.driver.execute_script("arguments[0].value = arguments[1]", console.find("#rules"), text.replace('"rules": [', '"rules": [\n    {"name": "by hand", "when": {"sku": "NEW-*"}, "set": {"group": "homeware"}},', 1))
    console.button("Preview")
    console.sees("What this would change")
    console.look("rules", picture=True)
    before = operator("GET", f"/v1/tenants/{tenant}/rules")["version"]
    console.button("Put in force")
    console.sees("In force.")
    after = operator("GET", f"/v1/tenants/{tenant}/rules")
    assert after["version"] == before + 1 and after["rules"]["rules"][0]["name"] == "by hand"
    step("wrote a rule, saw what it would change, and put it in force")


def support(console, operator):
    """Finds by cause, tries all of it again at once, and answers why a number is so."""
    key = operator("POST", "/v1/keys", {"label": "support", "scopes": ["write"]})["key"]
    causes = operator("GET", "/v1/report/causes")["causes"]
    cause = next(c for c in causes if c["kind"] == "posting" and "held" in c["states"] and c["code"] != "unmapped_code")
    words = cause["code"].replace("_", " ")
    console.sign_in(key)
    console.go("/inbox")
    webdriver.ActionChains(console.driver).send_keys("/").perform()
    console.wait(lambda d: d.switch_to.active_element.get_attribute("id") == "q", "the field for what is looked for")
    console.driver.switch_to.active_element.send_keys(words)
    console.wait(lambda d: len([r for r in d.find_elements(By.CSS_SELECTOR, ".cause") if r.is_displayed()]) == 1, "one cause")
    console.press(lambda d: next((r.find_element(By.CSS_SELECTOR, "h2 a") for r in d.find_elements(By.CSS_SELECTOR, ".cause") if r.is_displayed()), None), "the cause")
    console.sees("Postings")
    count = len(console.all("input[name=posting]"))
    console.click("[data-all=posting]")
    console.sees(f"Release {count}")
    console.look("cause", picture=True)
    key_of = console.find("input[name=posting]").get_attribute("value")
    console.button("Release")
    console.wait(lambda d: "on the way" in d.find_element(By.TAG_NAME, "body").text.lower(), "what became of it")
    history = [row["action"] for row in operator("GET", f"/v1/postings/{key_of}/explain")["history"]]
    assert "posting.release" in history, f"nothing was released: {history}"
    step(f"released {count} held by {words} at once")
    console.go(f"/postings/{key_of}")
    console.sees("Comes from")
    console.sees("by structure")
    connection = operator("GET", f"/v1/tenants/{cause['tenant']}/connections")["items"][0]
    console.go(f"/connections/{connection['id']}")
    console.sees("Credential")
    console.look("connection", picture=True)
    alerts(console)
    live(console, operator, cause["tenant"])
    console.listen("support")


def alerts(console):
    console.go("/alerts")
    console.look("alerts", picture=True)
    name = console.attribute(".alert", "id")
    console.type(f"#{name} input[name=note]", "asked the client")
    console.click(f"#{name} button[value=acknowledge]")
    console.wait(lambda d: "acknowledged by" in d.find_element(By.ID, name).text, "the acknowledgement")
    console.click(f"#{name} button[value=mute]")
    console.wait(lambda d: "muted until" in d.find_element(By.ID, name).text, "the alert to be quiet")
    console.click(f"#{name} h2 a")
    console.sees("Who was told")
    console.look("alert")
    step("acknowledged an alert and muted it")


def live(console, operator, tenant):
    """What changes shows by itself, also after the page was away."""
    console.go(f"/tenants/{tenant}")
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Live", "the page to be live")
    flow = operator("GET", f"/v1/tenants/{tenant}/flows")["items"][0]["id"]
    operator("POST", f"/v1/flows/{flow}/pull", {})
    console.wait(lambda d: "flow pulled" in d.find_element(By.ID, "history").text, "the change to show", 15)
    step("a change showed by itself")


def way_back(console, operator, sandbox):
    """A bookkeeper changes an invoice in the ledger; the shop is not told unless somebody says so, and she says no."""
    tenant = operator("GET", "/v1/tenants?slug=prairie-goods")["items"][0]["id"]
    flow = next(f for f in operator("GET", f"/v1/tenants/{tenant}/flows?limit=200")["items"] if f["state"] == "active")
    operator("PATCH", f"/v1/flows/{flow['id']}", {"policies": flow["policies"] | {"reflect": "on", "masters": {"paid": "ledger", "void": "ask", "amount": "ask"}}})
    settings = operator("GET", f"/v1/connections/{flow['ledger']}")["settings"]
    operator("PATCH", f"/v1/connections/{flow['ledger']}", {"settings": settings | {"changes_seconds": "10"}})
    rows = operator("GET", f"/v1/tenants/{tenant}/postings?flow={flow['id']}&limit=200")["items"]
    posting = next(p for p in rows if p["form"] == "invoice" and p["state"] in ("confirmed", "reconciled"))
    said = json.dumps({"do": "edits", "entity": "Invoice", "id": posting["remote_id"], "object": {"TxnDate": "2026-10-05"}}).encode()
    urllib.request.urlopen(urllib.request.Request(sandbox + "/_sandbox/qbo/happen", said, {"Content-Type": "application/json"}), timeout=30).close()

    console.sign_in(operator("POST", "/v1/keys", {"label": "rose", "scopes": ["write"], "tenant": tenant})["key"])
    console.sees("Today, step by step")
    console.link("Way back")
    console.sees("Waits for a decision")
    console.wait(lambda d: d.find_elements(By.CSS_SELECTOR, "#asked [data-state=held]"), "what was changed in the ledger to be asked about", 90)
    name = console.attribute("#asked [data-state=held]", "id")
    words = console.wait(lambda d: d.find_element(By.ID, name).text, "what is asked")
    assert posting["reference"] in words and "QuickBooks Online has" in words and "To do" in words, words
    console.look("way-back")
    console.tabs("way-back")
    console.find(f"#{name} button[aria-label^='Do not tell']").send_keys(Keys.ENTER)
    console.sees("The source is not told.")
    assert not console.all(f"#{name}"), "what was dismissed is still asked about"
    last = operator("GET", f"/v1/reflections/{name.removeprefix('reflection-')}")
    assert last["state"] == "dismissed", last
    history = [row["action"] for row in operator("GET", f"/v1/postings/{posting['post_key']}/explain")["history"]]
    assert "reflection.dismiss" in history, history
    step("saw what a bookkeeper changed in the ledger, with both values, and kept it from the shop")
    console.listen("way back")


def interrupted(console, operator):
    """A stream that was refused is asked for again, and a session that ends loses nothing that was typed."""
    tenant = operator("GET", "/v1/tenants?slug=thames-pottery")["items"][0]["id"]
    made = operator("POST", "/v1/keys", {"label": "short", "scopes": ["admin"], "tenant": tenant})["key"]
    console.sign_in(made)
    # The first stream of each page ends as one does that a server answers with an error.
    script = console.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
        const Real = EventSource
        let first = true
        window.EventSource = function (url) { const to = first ? '/assets/console.css' : url; first = false; return new Real(to) }
        window.EventSource.CLOSED = Real.CLOSED
        """})["identifier"]
    console.go(f"/tenants/{tenant}")
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Not live", "the stream to be refused")
    console.wait(lambda d: d.find_element(By.ID, "live").text == "Live", "the stream to be asked for again")
    console.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})
    console.driver.get_log("browser")  # The browser notes what the stream was given instead.
    step("a refused stream was opened again")

    console.go(f"/tenants/{tenant}/rules")
    field = console.find("#rules")
    typed = '{"reason_codes": ["typed before the session ended"], "rules": []}'
    field.clear()
    field.send_keys(typed)
    identity = next(k["id"] for k in operator("GET", "/v1/keys?limit=200")["items"] if k["label"] == "short" and not k["revoked_at"])
    operator("DELETE", f"/v1/keys/{identity}")
    # Processes know a revoked key for five seconds, and a session that was opened with it for as long.
    console.wait(lambda d: API(console.base, made).is_refused(), "the key to be refused")
    console.wait(lambda d: d.execute_async_script(ENDED), "the session to end")
    console.button("Preview")
    console.sees("Your session has ended")
    console.faults += [f"session ended: {fault}" for fault in console.driver.execute_script(LOOK)]
    console.driver.get_log("browser")  # The refusal.
    console.find("#key").send_keys(operator("POST", "/v1/keys", {"label": "short again", "scopes": ["admin"], "tenant": tenant})["key"])
    console.click("form[action='/session'] button")
    console.sees("Go on with it")
    console.button("Go on with it")
    console.sees("What this would change")
    assert "typed before the session ended" in console.find("#rules").get_attribute("value"), "what was typed is gone"
    step("what was typed survived the end of a session")
    console.listen("interrupted")


def plain(console, key):
    """Without scripts everything is there, and forms still work."""
    console.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    console.sign_in(key)
    console.sees("Tenants")
    console.go("/inbox")
    console.sees("Inbox")
    console.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    step("worked without scripts")


def main():
    arguments = sys.argv[1:]
    pictures = None
    if "--screenshots" in arguments:
        at = arguments.index("--screenshots")
        pictures = arguments[at + 1]
        del arguments[at:at + 2]
        os.makedirs(pictures, exist_ok=True)
    if len(arguments) != 1:
        sys.exit(__doc__)
    with open(arguments[0], encoding="utf-8") as file:
        up = json.load(file)
    operator = API(up["console"], up["api_key"])
    console = Console(up["console"], pictures)
    failed = []
    try:
        for journey, work in [("consultancy", lambda: consultancy(console, operator)), ("bookkeeper", lambda: bookkeeper(console, operator)),
                              ("support", lambda: support(console, operator)), ("way back", lambda: way_back(console, operator, up["sandbox"])), ("interrupted", lambda: interrupted(console, operator)), ("without scripts", lambda: plain(console, up["api_key"]))]:
            print(journey, flush=True)
            try:
                work()
            except Exception as error:  # The other journeys are made all the same.
                failed.append(f"{journey}: {type(error).__name__}: {error}")
                if pictures:
                    console.driver.save_screenshot(os.path.join(pictures, f"failed-{journey.replace(' ', '-')}.png"))
                console.driver.get_log("browser")
    finally:
        console.close()
    for fault in failed + console.faults:
        print(f"FAULT {fault}")
    print(f"{console.looks} looks at pages, {len(failed)} journeys failed, {len(console.faults)} faults")
    sys.exit(1 if failed or console.faults else 0)


if __name__ == "__main__":
    main()
