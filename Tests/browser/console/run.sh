#!/usr/bin/env bash
# run.sh UP_JSON [--screenshots FOLDER]: three people work at the console of a running `counterfoil up`, in a headless Chromium. UP_JSON is the file that
# `up` writes once its day was played. Needs chromium, chromedriver and python3-venv; the Python side is installed into var/venv-console.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
[[ $# -ge 1 && -s $1 ]] || { echo "usage: run.sh UP_JSON [--screenshots FOLDER]" >&2; exit 64; }
for tool in chromium chromedriver; do
  command -v "$tool" >/dev/null || { echo "$tool is not there: install Debian's packages chromium and chromium-driver" >&2; exit 69; }
done
venv=$root/var/venv-console
stamp=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)
if [[ $(cat "$venv/stamp" 2>/dev/null) != "$stamp" ]]; then
  rm -rf "$venv"
  mkdir -p "$root/var"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
  echo "$stamp" >"$venv/stamp"
fi
exec "$venv/bin/python" "$here/journeys.py" "$@"
