"""A node whose plugin (tests/hostile/crowd.c) watches very many scripts, and the brute force that says
what it must have been told."""
import os
import struct
import subprocess

from framework import Skip, program
from handmade import sha256d

ID = "org.quoin.test.plugin"
M64 = 2**64 - 1


def grant(n, scripts=1000000, memory="256MB", mode="isolated"):
    file = os.path.abspath(program("tests/hostile/crowd.so"))
    folder = n.path("plugins.d")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.open(os.path.join(folder, ID + ".grant"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write(f"[plugin]\nfile = {file}\nmode = {mode}\n[grant]\nwatch/1 = scripts={scripts}, memory={memory}\n"
                "rpc.serve/1 = prefix=good.\n[limits]\ncpu = normal\n")


def chain(path, models, seed=1):
    maker = program("tests/bench/gen_chain")
    if not os.path.exists(maker):
        raise Skip("the generator of chains is not built")
    subprocess.run([maker, path, str(models), str(seed)], check=True, stdout=subprocess.DEVNULL)
    with open(path, "rb") as f:
        data = f.read()
    blocks, at = [], 0
    while at + 8 <= len(data):
        n, = struct.unpack_from("<I", data, at + 4)
        blocks.append(data[at + 8:at + 8 + n])
        at += 8 + n
    return blocks


def mix(x):
    x = (x + 0x9e3779b97f4a7c15) & M64
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & M64
    x = (x ^ x >> 27) * 0x94d049bb133111eb & M64
    return x ^ x >> 31


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def count(self):
        n = self.take(1)[0]
        return n if n < 253 else int.from_bytes(self.take({253: 2, 254: 4, 255: 8}[n]), "little")


def transactions(block):
    """(txid as it is hashed, [outpoints], [scripts]) of each."""
    r = Reader(block, 80)
    for _ in range(r.count()):
        version, begin = r.take(4), r.at
        witness = r.data[begin] == 0
        if witness:
            r.take(2)
            begin = r.at
        ins = []
        for _ in range(r.count()):
            ins.append(r.take(36))
            r.take(r.count() + 4)
        outs = []
        n_out = r.count()
        for _ in range(n_out):
            r.take(8)
            outs.append(r.take(r.count()))
        end = r.at
        for _ in ins if witness else ():
            for _ in range(r.count()):
                r.take(r.count())
        yield sha256d(version + r.data[begin:end] + r.take(4)), ins, outs


class Brute:
    """Every hit of a set of scripts in blocks, by looking at everything."""

    def __init__(self, blocks):
        self.txs = [list(transactions(b)) for b in blocks]
        self.script = {t[0] + struct.pack("<I", i): s for txs in self.txs for t in txs for i, s in enumerate(t[2])}

    def scripts(self):
        return set(self.script.values())

    def hits(self, wanted, first=0, last=None):
        """(how many, the sum over them) in the blocks of a range of places."""
        n = total = 0
        for txs in self.txs[first:last]:
            for txid, ins, outs in txs:
                h = int.from_bytes(txid[:8], "little")
                for io, o in enumerate(ins):
                    if self.script.get(o) in wanted:
                        n, total = n + 1, total + mix((h + io * 2 + 1) & M64)
                for io, s in enumerate(outs):
                    if s in wanted:
                        n, total = n + 1, total + mix((h + io * 2) & M64)
        return n, f"{total & M64:016x}"
