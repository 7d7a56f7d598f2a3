"""A peer made by hand: speaks transport version 1 and says exactly what a test tells it to."""
import hashlib
import os
import socket
import struct
import time

from framework import TIMEOUT, wait_until

MAGIC = bytes.fromhex("fabfb5da")
NETWORK, WITNESS, LIMITED = 1, 8, 1024
MSG_TX, MSG_BLOCK, MSG_WITNESS_BLOCK = 1, 2, 0x40000002
GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def compact(n):
    if n < 253:
        return bytes([n])
    return b"\xfd" + struct.pack("<H", n) if n < 65536 else b"\xfe" + struct.pack("<I", n)


def wire(hex_hash):
    return bytes.fromhex(hex_hash)[::-1]


def shown(raw):
    return raw[::-1].hex()


class Header:
    """80 bytes with valid regtest work, unless told otherwise."""

    def __init__(self, prev, merkle=b"\0" * 32, at=None, work=True):
        front = struct.pack("<i", 0x20000000) + wire(prev) + merkle
        nonce = 0
        while True:
            self.raw = front + struct.pack("<III", at or 1300000000, 0x207fffff, nonce)
            digest = sha256d(self.raw)
            if (digest[31] < 0x80) == work:
                break
            nonce += 1
        self.hash = shown(digest)


def coinbase(height, salt=0):
    """An empty block's only transaction, without witness."""
    push = bytes([0x50 + height]) if 0 < height <= 16 else \
        bytes([2]) + struct.pack("<H", height) if height > 127 else bytes([1, height])
    script = push + b"\x04" + struct.pack("<I", salt)
    return (struct.pack("<iB", 2, 1) + b"\0" * 32 + b"\xff" * 4 + compact(len(script)) + script +
            b"\xff" * 4 + b"\x01" + struct.pack("<q", 100) + b"\x01\x51" + struct.pack("<I", 0))


class Block:
    """An empty block, valid on `prev` at `height`."""

    def __init__(self, prev, height, at, salt=0, tx=None):
        self.tx = tx or coinbase(height, salt)
        self.header = Header(prev, sha256d(self.tx), at)
        self.hash = self.header.hash
        self.raw = self.header.raw + b"\x01" + self.tx


def chain(prev, height, at, n, salt=0):
    """n blocks; the first one is at `height`."""
    out = []
    for k in range(n):
        out.append(Block(prev, height + k, at + k, salt))
        prev = out[-1].hash
    return out


def headers(list_of_headers):
    return compact(len(list_of_headers)) + b"".join(h.raw + b"\0" for h in list_of_headers)


def inv(*items):
    return compact(len(items)) + b"".join(struct.pack("<I", t) + wire(h) for t, h in items)


def locator(hashes, stop="00" * 32):
    return struct.pack("<i", 70016) + compact(len(hashes)) + b"".join(map(wire, hashes)) + wire(stop)


class Peer:
    """Connected to `node`, the handshake done."""

    def __init__(self, node, services=NETWORK | WITNESS, early=()):
        self.node = node
        self.seen = []  # (name, payload)
        self.buffer = b""
        self.socket = socket.create_connection(("127.0.0.1", node.p2p_port), TIMEOUT)
        self.socket.settimeout(TIMEOUT)
        self.send("version", struct.pack("<iQq", 70016, services, int(time.time())) + b"\0" * 52 +
                  os.urandom(8) + b"\x06/test/" + struct.pack("<i?", 0, True))
        self.wait("version")
        for name in early:  # what is agreed upon before the handshake ends
            self.send(name)
        self.send("verack")
        self.wait("verack")
        self.settle()
        address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.id = next(p["id"] for p in node.getpeerinfo() if p["addr"] == address)

    @staticmethod
    def frame(name, payload=b""):
        return (MAGIC + name.encode().ljust(12, b"\0") + struct.pack("<I", len(payload)) +
                sha256d(payload)[:4] + payload)

    def send(self, name, payload=b""):
        self.socket.sendall(self.frame(name, payload))

    def read(self):
        """The next message."""
        while True:
            if len(self.buffer) >= 24:
                size = struct.unpack("<I", self.buffer[16:20])[0]
                if len(self.buffer) >= 24 + size:
                    break
            more = self.socket.recv(1 << 16)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more
        name = self.buffer[4:16].rstrip(b"\0").decode()
        payload, self.buffer = self.buffer[24:24 + size], self.buffer[24 + size:]
        if name == "ping":
            self.send("pong", payload)
        self.seen.append((name, payload))
        return name, payload

    def wait(self, name):
        """Payload of the next message of this name."""
        while True:
            got, payload = self.read()
            if got == name:
                return payload

    def settle(self):
        """Everything sent before has been dealt with. Returns the names that came meanwhile."""
        nonce = os.urandom(8)
        start = len(self.seen)
        self.send("ping", nonce)
        while self.wait("pong") != nonce:
            pass
        return [name for name, _ in self.seen[start:] if name not in ("ping", "pong")]

    def ask(self, name, payload):
        """Send, and what comes in answer: (name, payload) of each message."""
        start = len(self.seen)
        self.send(name, payload)
        self.settle()
        return [m for m in self.seen[start:] if m[0] not in ("ping", "pong")]

    def gone(self):
        """The node hangs up."""
        try:
            while True:
                self.read()
        except (ConnectionError, OSError) as e:
            assert not isinstance(e, TimeoutError), "still connected"

    def rejected(self, name, payload, why):
        """Send something that costs the connection; the log says why."""
        self.send(name, payload)
        self.gone()
        wait_until(f"log: {why}", lambda: why in self.node.log())

    def close(self):
        self.socket.close()
        wait_until("gone", lambda: all(p["id"] != self.id for p in self.node.getpeerinfo()))
