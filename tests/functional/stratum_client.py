"""A Stratum V1 client with a hasher, for tests: written from the protocol, shares no code with the
server. One connection; lines are read in a thread of their own."""
import hashlib
import json
import queue
import socket
import struct
import threading

DIFFICULTY_1 = 0xffff << 208


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


class Refused(Exception):
    """The server answered with an error: args are its code and text."""


class Job:
    def __init__(self, params, difficulty):
        (self.id, prev, self.coinb1, self.coinb2, self.branch, version, bits, time, self.clean) = params
        words = bytes.fromhex(prev)
        self.prev = b"".join(words[i:i + 4][::-1] for i in range(0, 32, 4))
        self.version, self.bits, self.time = int(version, 16), int(bits, 16), int(time, 16)
        self.difficulty = difficulty

    def network_target(self):
        size, word = self.bits >> 24, self.bits & 0x7fffff
        return word << 8 * (size - 3) if size > 3 else word >> 8 * (3 - size)

    def share_target(self):
        return min(int(DIFFICULTY_1 / self.difficulty), 2 ** 256 - 1)

    def coinbase(self, en1, en2):
        return bytes.fromhex(self.coinb1) + en1 + en2 + bytes.fromhex(self.coinb2)

    def header(self, en1, en2, version=None):
        """All but the nonce."""
        root = sha256d(self.coinbase(en1, en2))
        for step in self.branch:
            root = sha256d(root + bytes.fromhex(step))
        return struct.pack("<I", self.version if version is None else version) + self.prev + root + struct.pack(
            "<II", self.time, self.bits)

    def solve(self, en1, en2, target, start=0, version=None, above=-1):
        """A nonce whose hash is at most `target`, and above `above`."""
        front = self.header(en1, en2, version)
        for nonce in range(start, 1 << 32):
            h = int.from_bytes(sha256d(front + struct.pack("<I", nonce)), "little")
            if above < h <= target:
                return nonce, h
        raise AssertionError("no such nonce")


class Client:
    def __init__(self, port, user, host="127.0.0.1", wrap=None):
        self.sock = socket.create_connection((host, port), 20)
        if wrap:
            self.sock = wrap(self.sock)
        self.sock.settimeout(60)
        self.user, self.next_id, self.difficulty = user, 0, 1.0
        self.mask, self.counter = 0, 0
        self.jobs, self.answers = queue.Queue(), {}
        self.arrived = threading.Condition()
        self.closed = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        rest = b""
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self.take(json.loads(line))
        except OSError:
            pass
        with self.arrived:
            self.closed = True
            self.arrived.notify_all()

    def take(self, m):
        if m.get("method") == "mining.notify":
            self.jobs.put(Job(m["params"], self.difficulty))
        elif m.get("method") == "mining.set_difficulty":
            self.difficulty = m["params"][0]
        elif m.get("id") is not None:
            with self.arrived:
                self.answers[m["id"]] = m
                self.arrived.notify_all()

    def send(self, method, *params):
        self.next_id += 1
        self.sock.sendall(json.dumps({"id": self.next_id, "method": method, "params": params}).encode() + b"\n")
        return self.next_id

    def answer(self, number, timeout=60):
        with self.arrived:
            assert self.arrived.wait_for(lambda: number in self.answers or self.closed, timeout), "no answer"
            if number not in self.answers:
                raise ConnectionError("closed")
            m = self.answers.pop(number)
        if m.get("error"):
            raise Refused(*m["error"][:2])
        return m["result"]

    def call(self, method, *params):
        return self.answer(self.send(method, *params))

    def start(self, session=None, roll=None):
        """Subscribe and authorize; returns the first job."""
        if roll:
            got = self.call("mining.configure", ["version-rolling"], {"version-rolling.mask": roll})
            self.mask = int(got["version-rolling.mask"], 16) if got["version-rolling"] else 0
        ids, en1, self.en2_size = self.call("mining.subscribe", "quoin-test/1", *([session] if session else []))
        self.session, self.en1 = ids[1][1], bytes.fromhex(en1)
        assert ids[1][0] == "mining.notify", ids
        assert self.call("mining.authorize", self.user, "x") is True
        return self.job()

    def job(self, timeout=60):
        return self.jobs.get(timeout=timeout)

    def newest(self):
        """The newest job that has come; waits for one."""
        job = self.job()
        while not self.jobs.empty():
            job = self.jobs.get_nowait()
        return job

    def en2(self):
        self.counter += 1
        return self.counter.to_bytes(self.en2_size, "big")

    def submit(self, job, en2, nonce, version=None):
        """True, or raises Refused."""
        more = [] if version is None else [f"{version & self.mask:08x}"]
        return self.call("mining.submit", self.user, job.id, en2.hex(), f"{job.time:08x}", f"{nonce:08x}", *more)

    def mine(self, job, target=None):
        """Solve it for its share target, or another, and submit. Returns the hash's number."""
        en2 = self.en2()
        nonce, h = job.solve(self.en1, en2, job.share_target() if target is None else target)
        assert self.submit(job, en2, nonce) is True
        return h

    def close(self):
        self.sock.close()
