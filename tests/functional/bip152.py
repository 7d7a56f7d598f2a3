"""Compact blocks by hand (BIP152, version 2): blocks with transactions, their short ids, messages."""
import hashlib
import struct

from handmade import Header, coinbase, compact, sha256d, wire

MASK = (1 << 64) - 1
MSG_CMPCT = 4


def siphash(k0, k1, data):
    """SipHash-2-4."""
    def rotl(x, n):
        return (x << n | x >> (64 - n)) & MASK

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & MASK
            v1 = rotl(v1, 13) ^ v0
            v0 = rotl(v0, 32)
            v2 = (v2 + v3) & MASK
            v3 = rotl(v3, 16) ^ v2
            v0 = (v0 + v3) & MASK
            v3 = rotl(v3, 21) ^ v0
            v2 = (v2 + v1) & MASK
            v1 = rotl(v1, 17) ^ v2
            v2 = rotl(v2, 32)
    v0, v1 = k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d
    v2, v3 = k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573
    data += bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xff])
    for (m,) in struct.iter_unpack("<Q", data):
        v3 ^= m
        rounds(2)
        v0 ^= m
    v2 ^= 0xff
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def short_id(header, nonce, wtxid):
    k0, k1 = struct.unpack("<QQ", hashlib.sha256(header + struct.pack("<Q", nonce)).digest()[:16])
    return siphash(k0, k1, wtxid).to_bytes(8, "little")[:6]


def merkle(leaves):
    while len(leaves) > 1:
        leaves = leaves + leaves[-1:] * (len(leaves) % 2)
        leaves = [sha256d(leaves[i] + leaves[i + 1]) for i in range(0, len(leaves), 2)]
    return leaves[0]


def spend(txid, n, outputs, script=b"\x51"):
    """A transaction without witness of one anyone-can-spend output. outputs: amounts."""
    return (struct.pack("<iB", 2, 1) + txid + struct.pack("<I", n) + b"\0" + b"\xff" * 4 +
            compact(len(outputs)) + b"".join(struct.pack("<q", v) + compact(len(script)) + script
                                             for v in outputs) + struct.pack("<I", 0))


def payments(txid, n, amount):
    """n transactions, each spending one of what the first shares out."""
    first = spend(txid, 0, [amount // n] * n)
    return [first] + [spend(sha256d(first), k, [amount // n]) for k in range(n - 1)]


class Full:
    """A block of transactions without witness on `prev`."""

    def __init__(self, prev, height, at, txs, salt=0):
        self.txs = [coinbase(height, salt)] + txs
        self.header = Header(prev, merkle([sha256d(t) for t in self.txs]), at)
        self.hash = self.header.hash
        self.raw = self.header.raw + compact(len(self.txs)) + b"".join(self.txs)

    def compact(self, prefilled=(0,), nonce=7, ids=None):
        """A cmpctblock. prefilled: places, or (distance, transaction) as they are to be written."""
        rest = [sha256d(t) for k, t in enumerate(self.txs) if k not in prefilled]
        ids = ids if ids is not None else [short_id(self.header.raw, nonce, w) for w in rest]
        out = self.header.raw + struct.pack("<Q", nonce) + compact(len(ids)) + b"".join(ids)
        out += compact(len(prefilled))
        next_place = 0
        for p in prefilled:
            if isinstance(p, tuple):
                out += compact(p[0]) + p[1]
            else:
                out += compact(p - next_place) + self.txs[p]
                next_place = p + 1
        return out

    def answer(self, places):
        """A blocktxn."""
        return wire(self.hash) + compact(len(places)) + b"".join(self.txs[p] for p in places)


def ask(block_hash, distances):
    """A getblocktxn."""
    return wire(block_hash) + compact(len(distances)) + b"".join(map(compact, distances))


def read_count(data, at):
    n = data[at]
    return (n, at + 1) if n < 253 else (struct.unpack("<H", data[at + 1:at + 3])[0], at + 3)


def asked(payload):
    """Places of a getblocktxn."""
    n, at = read_count(payload, 32)
    out, place = [], 0
    for _ in range(n):
        distance, at = read_count(payload, at)
        out.append(place + distance)
        place = out[-1] + 1
    return out


def ids_of(payload):
    """(nonce, short ids, bytes after them) of a cmpctblock."""
    n, at = read_count(payload, 88)
    ids = [payload[at + 6 * k:at + 6 * k + 6] for k in range(n)]
    return struct.unpack("<Q", payload[80:88])[0], ids, payload[at + 6 * n:]


def hello(announce, version=2):
    return struct.pack("<BQ", announce, version)
