"""From a block to the jobs of a thousand Stratum connections: each is told of the new tip, and the
time from handing the block in to the arrival of each job is measured, by a client that costs little
(stratum_load). The server runs isolated; how long it took itself, from hearing of the tip to the
last job written, it says in stratum.status."""
import argparse
import hashlib
import importlib.machinery
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("bench_import", os.path.join(HERE, "import.py"))
base = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_import", LOADER))
LOADER.exec_module(base)
sys.path.insert(0, os.path.join(HERE, "..", "functional"))
from test_mining import RULES, block_of  # noqa: E402

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
GRANT = """[plugin]
file = {file}
sha256 = {digest}
[grant]
mining.template/1 = yes
mining.submit/1 = yes
store.own/1 = quota=256MB
rpc.serve/1 = prefix=stratum.
net.listen/1 = 127.0.0.1:{port}, max_conns={connections}
[limits]
cpu = latency
[config]
listen = 127.0.0.1:{port}
per_address = {connections}
max_connections = {connections}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def grant(folder, port, connections):
    so = base.built(".libs/stratum.so")
    where = os.path.join(folder, "regtest", "plugins.d")
    os.makedirs(where, mode=0o700)
    with open(so, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    with open(os.open(os.path.join(where, "org.quoin.stratum.grant"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write(GRANT.format(file=so, digest=digest, port=port, connections=connections + 8))


def processor(pid):
    """Seconds of processor time that a process has taken."""
    with open(f"/proc/{pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1e9


class Load:
    """The client: tells when each of its connections had its job."""

    def __init__(self, port, connections):
        self.process = subprocess.Popen([base.built("tests/bench/stratum_load"), str(port), str(connections), ADDRESS],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("ready")

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            sys.exit("stratum_load has ended")
        return text.strip()

    def expect(self, word):
        got = self.line()
        if got != word:
            sys.exit(f"stratum_load says {got}")

    def listen(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.expect("listening")

    def heard(self):
        """Nanoseconds of the monotonic clock: first, median, 99th percentile, last."""
        times = [int(n) for n in self.line().split()]
        self.expect("quiet")
        return times

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


def one_tip(node, load):
    """Seconds from the call that hands a block in to the first, median, 99th percentile and last job,
    and to the return of the call."""
    block = block_of(node.call("getblocktemplate", RULES)).hex()
    returned = []
    load.listen()
    begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def hand_in():
        assert node.call("submitblock", block) is None
        returned.append((time.clock_gettime_ns(time.CLOCK_MONOTONIC) - begun) / 1e9)
    thread = threading.Thread(target=hand_in)
    thread.start()
    times = [(t - begun) / 1e9 for t in load.heard()]
    thread.join()
    return times, returned[0]


def median(values):
    return sorted(values)[len(values) // 2]


def measure(node, load, reps):
    rows, calls, own = [], [], []
    pid = node.call("getplugininfo", "stratum")["pid"]
    before = processor(pid)
    for _ in range(reps):
        times, call = one_tip(node, load)
        rows.append(times)
        calls.append(call)
        own.append(node.call("stratum.status")["told"]["ms"] / 1e3)
    per_tip = (processor(pid) - before) / reps
    spread = [r[2] - r[0] for r in rows]
    return (("first", median([r[0] for r in rows])), ("median", median([r[1] for r in rows])),
            ("p99", median([r[2] for r in rows])), ("p99, the worst tip", max(r[2] for r in rows)),
            ("p99 after the first", median(spread)), ("the server's own share", median(own)),
            ("the server's own share, the worst tip", max(own)), ("the call itself", median(calls)),
            ("processor of the server, empty and full job", per_tip))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=20, help="blocks")
    p.add_argument("--connections", type=int, default=1000)
    p.add_argument("--smoke", action="store_true", help="once, with few")
    a = p.parse_args()
    if a.filter not in "stratum: new tip to jobs":
        return
    if a.smoke:
        a.reps, a.connections = 1, 20
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    os.chmod(scratch, 0o755)
    port = free_port()
    folder = os.path.join(scratch, "node")
    os.makedirs(folder)
    grant(folder, port, a.connections)
    node = base.Node(base.built("quoind"), folder)
    try:
        node.wait(lambda n: (n.call("listplugins") or [{}])[0].get("state") == "RUNNING")
        load = Load(port, a.connections)
        node.wait(lambda n: (n.call("stratum.status") or {}).get("mining") == a.connections)
        for name, value in measure(node, load, a.reps):
            print(f"{'stratum':<10} {f'new tip to jobs, {a.connections} connections: ' + name:<72} "
                  f"{value * 1e3:>9.3f} ms", flush=True)
        load.end()
        node.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
