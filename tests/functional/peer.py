"""A peer on the wire, for tests of quoind's side of it: transport versions 1 and 2."""
import hashlib
import os
import socket
import struct
import time

import bip324

MAGIC = bytes.fromhex("fabfb5da")  # regtest
V1_PREFIX = MAGIC + b"version".ljust(12, b"\0")
TIMEOUT = 30
SHORT = {b"ping": 18, b"pong": 19}  # all that these tests need of BIP324's table
NAMES = {v: k for k, v in SHORT.items()}


class Closed(Exception):
    pass


class Peer:
    """A socket, and messages as (name, payload)."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def connect(cls, port):
        return cls(socket.create_connection(("127.0.0.1", port)))

    def raw(self, data, slowly=False):
        if not slowly:
            self.sock.sendall(data)
        for i in range(len(data) if slowly else 0):
            self.sock.sendall(data[i:i + 1])
            time.sleep(0.001)

    def read(self, n):
        got = b""
        while len(got) < n:
            try:
                more = self.sock.recv(n - len(got))
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed(got)
            got += more
        return got

    def wait_closed(self):
        """Everything that still comes until the other side closes."""
        got = b""
        try:
            while True:
                got += self.read(1)
        except Closed:
            self.sock.close()
            return got

    def expect(self, *names):
        """The payload of the last; they must come in this order, others between them are passed over."""
        for name in names:
            while True:
                got, payload = self.receive()
                if got == name:
                    break
        return payload

    def hello(self):
        self.send(b"version", struct.pack("<iQq", 70016, 0, int(time.time())) + bytes(52) +
                  os.urandom(8) + b"\x06/test/" + struct.pack("<i?", 0, True))

    def greet(self):
        """The handshake of messages: version, verack, and a ping that comes back."""
        self.hello()
        self.send(b"verack")
        version = self.expect(b"version")
        self.expect(b"verack")
        self.ping()
        return version

    def ping(self):
        nonce = os.urandom(8)
        self.send(b"ping", nonce)
        while self.expect(b"pong") != nonce:
            pass


class V1(Peer):
    def frame(self, name, payload=b"", magic=MAGIC, length=None, checksum=None):
        if checksum is None:
            checksum = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
        size = len(payload) if length is None else length
        return magic + name.ljust(12, b"\0") + struct.pack("<I", size) + checksum + payload

    def send(self, name, payload=b""):
        self.raw(self.frame(name, payload))

    def receive(self):
        head = self.read(24)
        assert head[:4] == MAGIC, head
        payload = self.read(struct.unpack("<I", head[16:20])[0])
        assert head == self.frame(head[4:16], payload)[:24]
        return head[4:16].rstrip(b"\0"), payload


class V2(Peer):
    def shake(self, initiating=True, garbage=b"", decoys=0, slowly=False, tamper=None):
        """The handshake of BIP324, each step checked. tamper(part, bytes) may alter what is sent."""
        def out(part, data):
            self.raw(tamper(part, data) if tamper else data, slowly)
        key = bip324.Key()
        if not initiating:
            theirs = self.read(64)
        out("key", key.public)
        out("garbage", garbage)
        if initiating:
            theirs = self.read(64)
        self.s = bip324.Session(key.exchange(theirs, initiating), MAGIC, initiating)
        out("terminator", self.s.send_end)
        for i in range(decoys):
            out("decoy", self.s.seal(os.urandom(i), garbage if i == 0 else b"", decoy=True))
        out("version", self.s.seal(b"", b"" if decoys else garbage))
        got = b""
        while not got.endswith(self.s.recv_end):
            assert len(got) < 4095 + 16, "no terminator"
            got += self.read(1)
        self.garbage = got[:-16]
        assert self.packet(self.garbage) == b""
        return self

    def packet(self, aad=b""):
        while True:
            length = int.from_bytes(self.s.recv_length.crypt(self.read(3)), "little")
            plain = self.s.recv_packet.open(aad, self.read(1 + length + 16))
            if not plain[0] & 0x80:
                return plain[1:]
            aad = b""

    def contents(self, name, payload=b""):
        return bytes([SHORT[name]]) + payload if name in SHORT else b"\0" + name.ljust(12, b"\0") + payload

    def send(self, name, payload=b""):
        self.raw(self.s.seal(self.contents(name, payload)))

    def receive(self):
        c = self.packet()
        return (NAMES.get(c[0], b"id %d" % c[0]), c[1:]) if c[0] else (c[1:13].rstrip(b"\0"), c[13:])


class Listener:
    """Accepts what a node connects to."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(TIMEOUT)
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]

    def accept(self, cls):
        return cls(self.sock.accept()[0])

    def nobody(self, seconds=0.5):
        self.sock.settimeout(seconds)
        try:
            self.sock.accept()
        except TimeoutError:
            return True
        return False
