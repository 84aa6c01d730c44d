#!/usr/bin/env python3
"""Holds a running control plane against its own description: openapi-spec-validator reads /openapi.json, and schemathesis sends what it lets through,
and what it does not.

usage: fuzz.py up.json SEED SECONDS

up.json is the file that `counterfoil up` writes; its tenants are furnished. Three keys ask, each for a third of the time: the operator's, one of a
tenant, and one that only reads. No answer may be a fault of the server's, of a status or kind that is not declared, or of another shape than declared.
Exit status 1 on a finding; each comes with the curl command that repeats it.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

CHECKS = "negative_data_rejection,not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method"
CURSOR = base64.urlsafe_b64encode(b'["a","b","c"]').decode().rstrip("=")
# The console's pages are for people; a platform's webhook is signed by the platform.
OPERATIONS_LEAST = 60


def ask(base, path, key, method="GET", body=None):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(base + path, json.dumps(body).encode() if body is not None else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def ids(base, key, tenant):
    """Things that there are, by the name that a path's parameter has."""
    found = {"tenant": tenant["id"], "consultancy": tenant["consultancy"], "route": "bookkeeper", "platform": "xero"}
    path = f"/v1/tenants/{tenant['id']}"
    for name, list_path, member in [
        ("connection", f"{path}/connections", "id"), ("flow", f"{path}/flows", "id"), ("organisation", f"{path}/organisations", "id"),
        ("document", f"{path}/documents", "id"), ("posting", f"{path}/postings", "post_key"), ("event", f"{path}/events", "id"),
        ("alert", f"/v1/alerts?tenant={tenant['id']}", "id"), ("delivery", f"{path}/alerts/deliveries", "id"),
    ]:
        items = ask(base, list_path, key)["items"]
        if items:
            found[name] = items[-1][member]
    users = ask(base, "/v1/users", key)["items"] or [ask(base, "/v1/users", key, "POST", {"name": "fuzz", "scopes": ["read"]})]
    found["user"] = users[-1]["id"]
    return found


def fuzz(base, description, key, found, who, seed, seconds, folder):
    """Runs schemathesis on the description, with paths that name what there is. Whether all is well."""
    config = os.path.join(folder, f"{who}.toml")
    with open(config, "w") as file:
        # What HTTP has no such method for is answered 501 by the server itself.
        file.write('[phases.coverage]\nunexpected-methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]\n[parameters]\n')
        # A cursor is ours; random ones are refused, and nothing behind them would be seen.
        file.write(f'"query.cursor" = "{CURSOR}"\n')
        for name, value in found.items():
            file.write(f'"path.{name}" = {json.dumps(value)}\n')
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--config-file", config, "run", description, "--url", base, "--header", f"Authorization: Bearer {key}",
        "--checks", CHECKS, "--seed", str(seed), "--max-time", str(seconds), "--phases", "examples,coverage,fuzzing", "--request-timeout", "20",
        "--suppress-health-check", "all", "--generation-database", "none", "--no-color", "--continue-on-failure",
        # What would end the run for everybody else: keys, and tenants that are removed for good.
        "--exclude-path-regex", "^/(session|metrics|hooks/|$)", "--exclude-operation-id", "delete_keys_key",
    ]
    if who != "read":
        command += ["--exclude-operation-id", "patch_tenants_tenant"]
    print(f"fuzz: {who}, seed {seed}, {seconds} s", file=sys.stderr)
    return subprocess.run(command, stdout=sys.stderr, timeout=seconds * 3 + 60, check=False).returncode == 0


def main(up, seed, seconds):
    with open(up) as file:
        told = json.load(file)
    base, key = told["console"], told["api_key"]
    with urllib.request.urlopen(f"{base}/openapi.json", timeout=30) as answer:
        tag, description = answer.headers["ETag"], json.load(answer)
    OpenAPIV31SpecValidator(description).validate()
    operations = sum(len([m for m in path if m != "parameters"]) for path in description["paths"].values())
    if operations < OPERATIONS_LEAST:
        raise SystemExit(f"fuzz: the description has only {operations} operations")
    try:
        urllib.request.urlopen(urllib.request.Request(f"{base}/openapi.json", headers={"If-None-Match": tag}), timeout=30)
        raise SystemExit("fuzz: the description is sent again to whoever has it")
    except urllib.error.HTTPError as error:
        if error.code != 304:
            raise
    print(f"fuzz: {operations} operations in a valid OpenAPI {description['openapi']}", file=sys.stderr)
    busiest = max(ask(base, "/v1/report", key)["tenants"], key=lambda row: row["documents"])
    tenant = ask(base, f"/v1/tenants/{busiest['tenant']}", key)
    route = {"routes": [{"name": "bookkeeper", "webhook": {"url": "https://127.0.0.1:9/x", "secret": "a-secret-of-16-characters"}}]}
    ask(base, f"/v1/tenants/{tenant['id']}/alerts/routes", key, "PUT", route)
    ask(base, f"/v1/tenants/{tenant['id']}/alerts/routes/bookkeeper/test", key, "POST")
    found = ids(base, key, tenant)
    keys = {
        "operator": key,
        "tenant": ask(base, "/v1/keys", key, "POST", {"label": "fuzz tenant", "scopes": ["admin"], "tenant": tenant["id"]})["key"],
        "read": ask(base, "/v1/keys", key, "POST", {"label": "fuzz read", "scopes": ["read"]})["key"],
    }
    good = True
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "openapi.json")
        with open(place, "w") as file:
            json.dump(description, file)
        for n, (who, own) in enumerate(keys.items()):
            good = fuzz(base, place, own, found, who, seed + n, max(1, seconds // len(keys)), folder) and good
    if ask(base, "/healthz", key)["status"] != "up" or ask(base, "/readyz", key)["status"] != "ready":
        raise SystemExit("fuzz: the control plane is not itself any more")
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
