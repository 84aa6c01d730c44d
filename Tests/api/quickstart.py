#!/usr/bin/env python3
"""Runs docs/quickstart.md, command by command, in one shell, and holds what it prints against what the page says that it prints.

usage: quickstart.py FOLDER [--write]

FOLDER is the COUNTERFOIL_VAR of a fresh `counterfoil up` whose day was played. A block of `sh` is run; the block of `text` below it is what it must
print, without one it must print nothing. --write puts what was printed on the page instead: for whoever changed the page. Exit status 1 on a difference.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "quickstart.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.M | re.S)
SECONDS_MOST = 120
END = "--- end of block ---"


def main(folder, write):
    page = PAGE.read_text()
    blocks = list(BLOCK.finditer(page))
    if len(blocks) < 12:
        raise SystemExit(f"{PAGE} has only {len(blocks)} blocks of sh")
    wrong, out, last = 0, [], 0
    with tempfile.TemporaryDirectory() as work:
        pathlib.Path(work, "var").symlink_to(pathlib.Path(folder).resolve())
        printed = run([block[1] for block in blocks], work)
    for number, (block, text) in enumerate(zip(blocks, printed)):
        said = block[2] or ""
        if text != said:
            wrong += 1
            if not write:
                print(f"quickstart: block {number + 1}\n{block[1]}the page says:\n{said}printed was:\n{text}", file=sys.stderr)
        out += [page[last:block.start()], f"```sh\n{block[1]}```\n", f"```text\n{text}```\n" if text else ""]
        last = block.end()
    if len(printed) < len(blocks):
        raise SystemExit(f"quickstart: block {len(printed) + 1} did not end: {blocks[len(printed)][1]}")
    if write:
        PAGE.write_text("".join(out) + page[last:])
    elif wrong:
        raise SystemExit(f"quickstart: {wrong} of {len(blocks)} blocks print something else than {PAGE.relative_to(ROOT)} says")
    print(f"quickstart: {len(blocks)} blocks, as the page says", file=sys.stderr)


def run(commands, folder):
    """What each block prints, errors and all; fewer of them when one does not end."""
    script = "exec 2>&1\nexport no_proxy=127.0.0.1\n" + "".join(f"{command}echo '{END}'\n" for command in commands)
    process = subprocess.Popen(["bash"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        text, _ = process.communicate(script, timeout=SECONDS_MOST)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
    return text.split(f"{END}\n")[:-1]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--write"]):
        raise SystemExit(__doc__)
    main(sys.argv[1], len(sys.argv) == 3)
