#!/usr/bin/env python3
"""Which functions `serve` runs once it has started, for the linker to put side by side: writes ops/serve.order.

usage: serve_order.py PROGRAM LINK-MAP CALLGRIND-OUTPUT... > ops/serve.order

CALLGRIND-OUTPUT is of a `serve` under load, its start left out: `valgrind --tool=callgrind --instr-atstart=no --demangle=no PROGRAM serve ...`,
then `callgrind_control -i on`, then what is asked all the time (GET /v1/key, GET /v1/tenants/ID, deliveries that are kept and that are not,
/metrics, /readyz), then `callgrind_control -d`. PROGRAM is a release with its symbols (`strip -g` makes valgrind's start shorter), LINK-MAP what
`-Xlinker -Map=FILE` wrote of it. The linker moves whole sections, so that one name stands for each, the densest first. A name that a later
release does not have is passed over: the list ages, it does not break.
"""
import collections
import re
import subprocess
import sys

program, link_map, outputs = sys.argv[1], sys.argv[2], sys.argv[3:]

known = set()
for line in subprocess.run(["nm", "--defined-only", program], capture_output=True, text=True, check=True).stdout.splitlines():
    known.add(line.split()[-1])

used = set()
for output in outputs:
    with open(output, errors="replace") as lines:
        for line in lines:
            match = re.match(r"^c?fn=\(\d+\) ([^'\s]+)", line)
            if match and match[1] in known:
                used.add(match[1])

section, sizes = None, {}
inside, places = collections.defaultdict(dict), collections.defaultdict(set)
with open(link_map, errors="replace") as lines:
    for line in lines:
        match = re.match(r"^\s*[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]+)\s+\d+ \s*(.*)$", line)
        if not match:
            continue
        size, name = int(match[1], 16), match[2]
        if ":(" in name:
            section = name if ":(.text" in name else None
            sizes[section] = size
        elif section and name in used:
            inside[section][name] = size
            places[name].add(section)

chosen = []
for section, names in inside.items():
    # Copies of one name in several files: nobody knows which of them ran.
    own = {name: size for name, size in names.items() if len(places[name]) == 1}
    if own:
        chosen.append((sum(own.values()) / max(1, sizes[section]), max(own, key=own.get)))
for _, name in sorted(chosen, reverse=True):
    print(name)
