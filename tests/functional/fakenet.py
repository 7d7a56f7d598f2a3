"""A network behind a SOCKS5 proxy: whatever address or name a node asks for is answered by a peer that
is well-behaved and has nothing to tell. Nothing leaves this machine."""
import os
import socket
import struct
import threading
import time

from handmade import MAGIC, NETWORK, WITNESS, compact, sha256d


class FakeNet:
    """`asked` holds "host:port" in the order of asking; `headers` (raw) are the answer to getheaders."""

    def __init__(self, services=NETWORK | WITNESS):
        self.services = services
        self.asked, self.headers, self.down = [], [], False
        self.lock = threading.Lock()
        self.sockets = []
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.proxy = "127.0.0.1:%d" % self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.server.close()
        with self.lock:
            for s in self.sockets:
                s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def names(self):
        with self.lock:
            return list(self.asked)

    # ---- threads of its own ----
    def accept(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return
            with self.lock:
                self.sockets.append(s)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            if self.shake(s):
                self.talk(s)
        except (OSError, ConnectionError):
            pass
        s.close()

    @staticmethod
    def read(s, n):
        got = b""
        while len(got) < n:
            more = s.recv(n - len(got))
            if not more:
                raise ConnectionError
            got += more
        return got

    def shake(self, s):
        """SOCKS5 (RFC 1928, RFC 1929)."""
        methods = self.read(s, self.read(s, 2)[1])
        if 0 in methods:
            s.sendall(b"\x05\x00")
        else:
            s.sendall(b"\x05\x02")
            self.read(s, self.read(s, 2)[1])
            self.read(s, self.read(s, 1)[0])
            s.sendall(b"\x01\x00")
        kind = self.read(s, 4)[3]
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, self.read(s, 4))
        elif kind == 4:
            host = "[" + socket.inet_ntop(socket.AF_INET6, self.read(s, 16)) + "]"
        else:
            host = self.read(s, self.read(s, 1)[0]).decode()
        port = struct.unpack(">H", self.read(s, 2))[0]
        with self.lock:
            self.asked.append(f"{host}:{port}")
        s.sendall(b"\x05" + (b"\x05" if self.down else b"\x00") + b"\x00\x01" + bytes(6))
        return not self.down

    def talk(self, s):
        def send(name, payload=b""):
            s.sendall(MAGIC + name.encode().ljust(12, b"\0") + struct.pack("<I", len(payload)) +
                      sha256d(payload)[:4] + payload)
        while True:
            head = self.read(s, 24)
            if head[:4] != MAGIC:
                return
            name = head[4:16].rstrip(b"\0")
            payload = self.read(s, struct.unpack("<I", head[16:20])[0])
            if name == b"version":
                send("version", struct.pack("<iQq", 70016, self.services, int(time.time())) +
                     bytes(52) + os.urandom(8) + b"\x06/fake/" + struct.pack("<i?", 0, True))
                send("verack")
            elif name == b"ping":
                send("pong", payload)
            elif name == b"getheaders":
                send("headers", compact(len(self.headers)) +
                     b"".join(h + b"\0" for h in self.headers))
