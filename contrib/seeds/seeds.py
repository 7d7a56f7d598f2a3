#!/usr/bin/env python3
"""The addresses built into the program (-fixedseeds): measured on the network, once for each release.

usage: seeds.py measure [--cli "quoin-cli ..."] [--proxy HOST:PORT] [--per-network N] [--per-group N]
       seeds.py write [--check]

measure: of all addresses that a synced node knows (getnodeaddresses), those that are good now, one per
line, to stdout; contrib/seeds/CHAIN.txt is the place for them. Each is connected to and must
  - complete the handshake within ten seconds, as protocol version 70016 or later;
  - offer all blocks and witnesses;
  - give the last ten headers of this node's chain, six blocks below its tip.
Of those, at most so many are taken by chance per network (512), and per group of addresses that is
likely one owner's (1; an IPv4 /16, an IPv6 /32). Onion addresses are tried through --proxy (SOCKS5);
without it, and for I2P, none is listed. How many were tried, and why others fell out, goes to stderr.

write: make core/btc/fixed_seeds.c of contrib/seeds/*.txt. --check: only say whether it is up to date.
"""
import argparse
import asyncio
import collections
import hashlib
import ipaddress
import json
import os
import random
import re
import shlex
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHAINS = ["main", "testnet3", "testnet4", "signet"]
OUT = os.path.join(HERE, "..", "..", "core", "btc", "fixed_seeds.c")
MAGIC = {"main": "f9beb4d9", "test": "0b110907", "testnet4": "1c163f28", "signet": "0a03cf40",
         "regtest": "fabfb5da"}
VERSION = 70016
NETWORK, WITNESS = 1, 8
PATIENCE = 10  # seconds, for all of one peer
AT_ONCE = 200
DEEP = 6       # blocks; what is above may be reorganised while we measure
ASKED = 10     # headers
MOST = 4000000  # bytes of a message, as everywhere on the network


class Unfit(Exception):
    """Why an address is not taken."""


# ---- one peer ----

def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


class Wire:
    """Transport version 1, which every peer speaks."""

    def __init__(self, reader, writer, magic):
        self.reader, self.writer, self.magic = reader, writer, magic

    def send(self, name, payload=b""):
        self.writer.write(self.magic + name.encode().ljust(12, b"\0") + struct.pack("<I", len(payload)) +
                          sha256d(payload)[:4] + payload)

    async def read(self):
        head = await self.reader.readexactly(24)
        size = struct.unpack("<I", head[16:20])[0]
        if head[:4] != self.magic or size > MOST:
            raise Unfit("speaks something else")
        payload = await self.reader.readexactly(size)
        name = head[4:16].rstrip(b"\0").decode("ascii", "replace")
        if name == "ping":
            self.send("pong", payload)
        return name, payload

    async def wait(self, wanted):
        while True:
            name, payload = await self.read()
            if name == wanted:
                return payload


def check_version(payload):
    if len(payload) < 20:
        raise Unfit("short version message")
    version, services = struct.unpack("<iQ", payload[:12])
    if version < VERSION:
        raise Unfit("old protocol")
    if services & (NETWORK | WITNESS) != NETWORK | WITNESS:
        raise Unfit("not all blocks, or no witnesses")


def hashes_of(payload):
    """Of a headers message."""
    n, at = (payload[0], 1) if payload[0] < 253 else (struct.unpack("<H", payload[1:3])[0], 3)
    return [sha256d(payload[at + 81 * i:at + 81 * i + 80])[::-1].hex() for i in range(n)]


async def judge(wire, chain):
    """`chain`: hashes of ASKED + 1 blocks that follow each other."""
    wire.send("version", struct.pack("<iQq", VERSION, 0, int(time.time())) + b"\0" * 52 +
              os.urandom(8) + b"\x07/seeds/" + struct.pack("<i?", 0, False))
    check_version(await wire.wait("version"))
    wire.send("verack")
    await wire.wait("verack")
    wire.send("getheaders", struct.pack("<i", VERSION) + b"\x01" + bytes.fromhex(chain[0])[::-1] +
              bytes.fromhex(chain[-1])[::-1])
    if hashes_of(await wire.wait("headers"))[:ASKED] != chain[1:]:
        raise Unfit("another chain, or behind")


async def connect(host, port, proxy):
    if not host.endswith(".onion"):
        return await asyncio.open_connection(host, port)
    reader, writer = await asyncio.open_connection(*proxy)
    writer.write(b"\x05\x01\x00")
    await reader.readexactly(2)
    writer.write(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + struct.pack(">H", port))
    answer = await reader.readexactly(4)
    rest = {1: 4, 4: 16}.get(answer[3])
    if answer[1] or rest is None:
        raise Unfit("the proxy cannot reach it")
    await reader.readexactly(rest + 2)
    return reader, writer


async def visit(host, port, proxy, magic, chain):
    """None: it is good. Else why not."""
    writer = None

    async def talk():
        nonlocal writer
        reader, writer = await connect(host, port, proxy)
        await judge(Wire(reader, writer, magic), chain)
    try:
        await asyncio.wait_for(talk(), PATIENCE)
    except Unfit as e:
        return str(e)
    except asyncio.TimeoutError:
        return "too slow"
    except (OSError, EOFError, struct.error, IndexError):
        return "no connection, or closed"
    finally:
        if writer:
            writer.close()
    return None


# ---- all of them ----

def group(a):
    if a["network"] not in ("ipv4", "ipv6"):
        return a["address"]
    bits = 16 if a["network"] == "ipv4" else 32
    return str(ipaddress.ip_network(f"{a['address']}/{bits}", strict=False))


def text(a):
    host = f"[{a['address']}]" if ":" in a["address"] else a["address"]
    return f"{host}:{a['port']}"


def can_try(a, proxy):
    wanted = a["services"] & (NETWORK | WITNESS) == NETWORK | WITNESS
    return wanted and (a["network"] in ("ipv4", "ipv6", "cjdns") or (a["network"] == "onion" and proxy))


async def visit_all(addresses, proxy, magic, chain):
    """The good ones; says on the way how it goes."""
    gate = asyncio.Semaphore(AT_ONCE)
    fates = collections.Counter()
    good = []

    async def one(a):
        async with gate:
            why = await visit(a["address"], a["port"], proxy, magic, chain)
        fates[why or "good"] += 1
        if not why:
            good.append(a)
        if sum(fates.values()) % 1000 == 0:
            print(f"{sum(fates.values())} of {len(addresses)} tried, {len(good)} good", file=sys.stderr)
    await asyncio.gather(*map(one, addresses))
    for why, n in fates.most_common():
        print(f"{n:6} {why}", file=sys.stderr)
    return good


def choose(good, per_network, per_group):
    taken, networks, groups = [], collections.Counter(), collections.Counter()
    random.shuffle(good)
    for a in good:
        if networks[a["network"]] < per_network and groups[group(a)] < per_group:
            networks[a["network"]] += 1
            groups[group(a)] += 1
            taken.append(a)
    return sorted(taken, key=lambda a: (a["network"], text(a)))


def measure(o):
    def call(*words):
        out = subprocess.run(shlex.split(o.cli) + list(words), stdout=subprocess.PIPE, check=True, text=True).stdout
        return json.loads(out) if out[:1] in "[{" else out.strip()
    info = call("getblockchaininfo")
    top = info["blocks"] - DEEP
    if info["initialblockdownload"] or top < ASKED:
        sys.exit(f"found a node at height {info['blocks']} that is still syncing, wanted one that has synced")
    chain = [call("getblockhash", str(h)) for h in range(top - ASKED, top + 1)]
    host, _, port = (o.proxy or "").rpartition(":")
    proxy = (host, int(port)) if host else None
    addresses = [a for a in call("getnodeaddresses", "0") if can_try(a, proxy)]
    good = asyncio.run(visit_all(addresses, proxy, bytes.fromhex(MAGIC[info["chain"]]), chain))
    taken = choose(good, o.per_network, o.per_group)
    print(f"# Measured on {time.strftime('%Y-%m-%d', time.gmtime())} at height {info['blocks']}: "
          f"{len(taken)} of {len(good)} good ones of {len(addresses)} tried.")
    for a in taken:
        print(text(a))


# ---- the C file ----

LINE = re.compile(r"(\[[0-9a-f:]+\]|[0-9a-z.]+):[0-9]{1,5}\Z")


def read_list(chain):
    path = os.path.join(HERE, chain + ".txt")
    with open(path) as f:
        lines = [line.strip() for line in f if line.strip() and line[0] != "#"]
    bad = [line for line in lines if not LINE.match(line)]
    if bad:
        sys.exit(f"{chain}.txt: found {bad[0]!r}, wanted ADDRESS:PORT")
    return lines


def generate():
    out = ("/* Made by contrib/seeds/seeds.py write of contrib/seeds/ *.txt: change these. */\n"
           '#include "core/btc/fixed_seeds.h"\n\n#include <stddef.h>\n')
    for chain in CHAINS:
        lines = "".join(f'    "{line}",\n' for line in read_list(chain))
        out += f"\nconst char *const QC_FIXED_{chain.upper()}[] = {{\n{lines}    NULL,\n}};\n"
    return out


def write(o):
    made = generate()
    with open(OUT) as f:
        same = f.read() == made
    if o.check:
        print("core/btc/fixed_seeds.c: " + ("up to date" if same else "not what `seeds.py write` makes"))
        sys.exit(not same)
    if not same:
        with open(OUT, "w") as f:
            f.write(made)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="what", required=True)
    m = sub.add_parser("measure")
    m.add_argument("--cli", default="quoin-cli", help="how to ask the node")
    m.add_argument("--proxy", help="SOCKS5, for onion addresses")
    m.add_argument("--per-network", type=int, default=512)
    m.add_argument("--per-group", type=int, default=1)
    sub.add_parser("write").add_argument("--check", action="store_true")
    o = p.parse_args()
    {"measure": measure, "write": write}[o.what](o)


if __name__ == "__main__":
    main()
