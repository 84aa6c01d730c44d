#!/usr/bin/env python3
"""Writes verdicts.txt beside it: JSON texts and broken ones, each with what Python's json module, held to RFC 8259, makes of it.

A reader that was written by others says what is JSON and what it says; Tests/WireTests/JSONVerdictTests.swift holds ours against it. Run it again
to have other texts (`make_verdicts.py SEED`); the file is data, and nothing of a test's run depends on Python.

A line is `+ TEXT CONTENT` or `- TEXT`: the bytes of the text in hexadecimal, and of what is accepted its content, written anew in ASCII with
each number's digits as they were.
"""
import json
import pathlib
import random
import sys

COUNT = 1500
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 20261123
DEPTH_MOST = 60


class Number(str):
    """A number's digits as they were written."""


def pairs(members):
    keys = [key for key, _ in members]
    if len(set(keys)) != len(keys):
        raise ValueError("a key is there twice")
    return dict(members)


def refuse(word):
    raise ValueError(word)


def read(data):
    """The document, or None where RFC 8259 (with unique keys, in UTF-8, without a byte order mark) does not allow it."""
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            return None
        document = json.loads(text, object_pairs_hook=pairs, parse_int=Number, parse_float=Number, parse_constant=refuse)
        # Halves of surrogate pairs can't be written as UTF-8.
        json.dumps(document, ensure_ascii=False).encode("utf-8")
        return (document,)
    except (ValueError, RecursionError):
        return None


def write(value):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(key) + ":" + write(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(item) for item in value) + "]"
    return json.dumps(value)


def text(draw):
    pieces = ["a", "Z", "0", " ", "\u00e9", "\u20ac", "\U0001f600", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\u0000", "\\u2028", "key", "longer text"]
    return '"' + "".join(draw.choice(pieces) for _ in range(draw.randrange(6))) + '"'


def number(draw):
    whole = draw.choice(["0", "1", "9", "42", "100", "118", "12345678901234567890"])
    return draw.choice(["", "-"]) + whole + draw.choice(["", ".0", ".40", ".005", ".123456789012345678901"]) + draw.choice(["", "", "", "e0", "E5", "e-3", "e+12", "e400"])


def value(draw, depth=0):
    kind = draw.randrange(9 if depth < 4 else 6)
    if kind < 2:
        return number(draw)
    if kind < 4:
        return text(draw)
    if kind < 6:
        return draw.choice(["true", "false", "null"])
    space = draw.choice(["", "", " ", "\n", "\t ", "\r\n"])
    items = [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    if kind == 6:
        return "[" + space + ("," + space).join(items) + "]"
    return "{" + space + ("," + space).join(text(draw) + space + ":" + item for item in items) + "}"


def mutant(draw, data):
    marks = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b"+", b".", b"e", b"\\u", b"\\ud800", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf",
             b"\x00", b"\n", b"\x0c", b"\xc2\xa0", b"NaN", b"Infinity", b"tru", b"null", b"'", b"/**/", b"//", b"01", b"1.", b".5", b" "]
    data = bytearray(data)
    for _ in range(draw.randrange(1, 3)):
        at = draw.randrange(len(data) + 1)
        act = draw.randrange(4)
        if act == 0 and data:
            del data[at % len(data)]
        elif act == 1 and data:
            data[at % len(data)] = draw.choice(b'"\\{}[],:0123456789-+.eE tfnu')
        elif act == 2:
            data[at:at] = draw.choice(marks)
        else:
            data[at:at] = data[at:at + draw.randrange(8)]
    return bytes(data)


def main():
    draw = random.Random(SEED)
    seen, lines = set(), []
    while len(lines) < COUNT:
        data = value(draw).encode()
        if draw.randrange(10) < 7:
            data = mutant(draw, data)
        if data in seen or not 0 < len(data) <= 120 or data.count(b"[") + data.count(b"{") > DEPTH_MOST:
            continue
        seen.add(data)
        document = read(data)
        lines.append(f"- {data.hex()}" if document is None else f"+ {data.hex()} {write(document[0])}")
    pathlib.Path(__file__).with_name("verdicts.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{sum(line[0] == '+' for line in lines)} accepted, {sum(line[0] == '-' for line in lines)} refused")


main()
