"""`counterfoil drop` from end to end, for ops/test: an ERP without an API of its own puts CSV files into a folder, a timer's pass sends them, and its invoices
stand in the ledger once each, however often a pass runs, is killed, or comes too early.
Arguments: up.json of a running demo, an empty folder, the program."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

up_file, folder, program = sys.argv[1:4]
up = json.load(open(up_file))
base, key = up["console"], up["api_key"]
began = time.monotonic()
SECONDS = 120
HEAD = "object_id,object_version,occurred_at,number,status,issued_on,currency,customer_id,customer_name,total,line_id,sku,description,group,quantity,net\n"


def fail(what):
    sys.exit(f"drop: {what}")


def check(condition, what):
    if not condition:
        fail(what)


def call(method, path, body=None):
    request = urllib.request.Request(base + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", "Bearer " + key)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        fail(f"{method} {path} answered {refusal.code}: {refusal.read()[:500]}")


def one(path, slug):
    found = call("GET", f"{path}?slug={slug}")["items"]
    check(len(found) == 1, f"{path} has {len(found)} called {slug}")
    return found[0]


def wait(what, condition):
    while not (got := condition()):
        if time.monotonic() - began > SECONDS:
            fail(f"waited in vain: {what}")
        time.sleep(0.3)
    return got


def row(n, total, version=1):
    return f"DROP-{n},{version},2026-11-12T16:00:00Z,D{n},sent,2026-11-12T16:00:00Z,USD,rowan,Rowan Cycles,{total},L1,HOM-1,Mug {n},homeware,1,{total}\n"


def put(name, text, age=60):
    """A file that was last written to `age` seconds ago."""
    path = f"{folder}/{erp}/in/{name}"
    with open(path, "w") as file:
        file.write(text)
    os.utime(path, (time.time() - age, time.time() - age))


def drop(status, own_key=key, api=base):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERFOIL_")} | {"COUNTERFOIL_API_KEY": own_key, "COUNTERFOIL_DROP": folder}
    got = subprocess.run([program, "drop", "--api", api], env=environment, capture_output=True, text=True, timeout=60)
    check(own_key not in got.stdout + got.stderr, "the key is in what it prints")
    check(got.returncode == status, f"it ended with {got.returncode} and not {status}: {got.stdout}{got.stderr}")
    return got.stdout


def names(place):
    return sorted(n for n in os.listdir(f"{folder}/{erp}/{place}"))


def report(place, end):
    found = [n for n in names(place) if n.endswith(end + ".report.json")]
    check(len(found) == 1, f"{place} has {len(found)} reports on {end}")
    return json.load(open(f"{folder}/{erp}/{place}/{found[0]}"))


def invoices():
    rows = call("GET", f"/v1/tenants/{tenant}/postings?flow={flow}&limit=200")["items"]
    return sorted((r["subject"], r["state"]) for r in rows)


# 1. A business whose ERP has no connector: a connection that nobody calls, and a flow from it into the books it has already.
tenant = one("/v1/tenants", "prairie-goods")["id"]
books = one(f"/v1/tenants/{tenant}/connections", "books")["id"]
organisation = one(f"/v1/tenants/{tenant}/organisations", "prairie-goods-llc")["id"]
structure = call("GET", f"/v1/tenants/{tenant}/structure")["structure"]
structure["accounts"]["receivable:*"] = "1200"
call("PUT", f"/v1/tenants/{tenant}/structure", structure)
erp = call("POST", f"/v1/tenants/{tenant}/connections", {"slug": "erp", "platform": "erp", "account": "back-office"})["id"]
flow = call("POST", f"/v1/tenants/{tenant}/flows", {"slug": "erp-to-books", "organisation": organisation, "source": erp, "ledger": books, "policies": {"edit": "delta"}})["id"]

# 2. The first pass makes the folders; nothing is there to be sent.
os.makedirs(f"{folder}/{erp}")
drop(0)
check(names(".") == ["done", "failed", "in"], f"the folders are {names('.')}")

# 3. Without an answer, or without a right to send, a file stays.
put("invoice-1.csv", HEAD + row(1, "40.00") + row(2, "50.00"))
drop(1, api="http://127.0.0.1:1")
drop(1, own_key="cf_" + "0" * 40)
check(names("in") == ["invoice-1.csv"] and not names("done"), "what nobody took is gone")

# 4. Taken, refused with line and place, too young, without a layout: each where it belongs.
put("invoice-bad.csv", HEAD + row(3, "60.00").replace(",60.00\n", ",61.00\n"))
put("invoice-young.csv", HEAD + row(4, "70.00"), age=0)
put("stock.csv", "a,b\n1,2\n")
said = drop(1)
check([line.split()[0] for line in said.splitlines()] == ["done", "failed", "waits", "failed"], f"it said {said}")
check(names("in") == ["invoice-young.csv"], f"{names('in')} is still there")
check(report("done", "invoice-1.csv")["accepted"] == 2, "two invoices were not taken")
bad = report("failed", "invoice-bad.csv")
check(bad["code"] == "file_refused" and any("line" in json.dumps(e) for e in bad["errors"]), f"the refusal does not name the line: {bad}")

# 5. The same file again, whole or told anew, adds nothing; the young one has come of age.
put("invoice-1.csv", HEAD + row(1, "40.00") + row(2, "50.00"))
put("invoice-1-again.csv", HEAD + row(2, "50.00") + row(1, "40.00"))
put("invoice-young.csv", HEAD + row(4, "70.00"))
drop(0)
check(names("in") == [], f"{names('in')} is still there")

# 6. A pass that is killed loses nothing.
put("invoice-5.csv", HEAD + "".join(row(n, "10.00") for n in range(5, 9)))
killed = subprocess.Popen([program, "drop", "--api", base, "--folder", folder], env=os.environ | {"COUNTERFOIL_API_KEY": key}, stdout=subprocess.DEVNULL)
killed.kill()
killed.wait()
drop(0)

# 7. All of it in the books, once, and nothing else.
def settled():
    return [row for row in invoices() if row[1] in ("confirmed", "reconciled")]


wait("seven invoices in the books", lambda: len(settled()) == 7)
check([subject for subject, _ in invoices()] == [f"DROP-{n}" for n in (1, 2, 4, 5, 6, 7, 8)], f"the postings are {invoices()}")
print(f"  drop: 7 invoices posted once each, of 7 files 2 refused, {time.monotonic() - began:.0f} s")
