"""From a block to the jobs of a thousand Stratum connections: each is told of the new tip, and the
time from handing the block in to the arrival of each job is measured. The server runs isolated."""
import argparse
import hashlib
import importlib.machinery
import importlib.util
import os
import select
import shutil
import socket
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

ADDRESS = b"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
HELLO = (b'{"id":1,"method":"mining.subscribe","params":[]}\n'
         b'{"id":2,"method":"mining.authorize","params":["%s","x"]}\n' % ADDRESS)
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


def connect(port, n):
    socks = []
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(HELLO)
        s.setblocking(False)
        socks.append(s)
    return socks


def drain(poll, by_fd, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for fd, _ in poll.poll(0.05):
            by_fd[fd].recv(1 << 20)


def processor(pid):
    """Seconds of processor time that a process has taken."""
    with open(f"/proc/{pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1e9


def one_tip(node, poll, by_fd):
    """Seconds from the call that hands a block in to the first bytes on each connection, and to the
    return of the call."""
    block = block_of(node.call("getblocktemplate", RULES)).hex()
    came, returned = {}, []
    begun = time.perf_counter()

    def hand_in():
        assert node.call("submitblock", block) is None
        returned.append(time.perf_counter() - begun)
    thread = threading.Thread(target=hand_in)
    thread.start()
    while len(came) < len(by_fd):
        for fd, _ in poll.poll(5, len(by_fd)):
            now = time.perf_counter()
            by_fd[fd].recv(1 << 20)
            came.setdefault(fd, now - begun)
    thread.join()
    return sorted(came.values()), returned[0]


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
        socks = connect(port, a.connections)
        node.wait(lambda n: (n.call("stratum.status") or {}).get("mining") == a.connections)
        poll, by_fd = select.epoll(), {s.fileno(): s for s in socks}
        for fd in by_fd:
            poll.register(fd, select.EPOLLIN)
        drain(poll, by_fd, 0.5)
        all_times, calls = [], []
        pid = node.call("listplugins")[0]["pid"]
        before = processor(pid)
        for _ in range(a.reps):
            times, call = one_tip(node, poll, by_fd)
            all_times += times
            calls.append(call)
            drain(poll, by_fd, 0.1 if a.smoke else 0.5)
        all_times.sort()
        per_tip = (processor(pid) - before) / a.reps
        for name, value in (("median", all_times[len(all_times) // 2]),
                            ("p99", all_times[min(len(all_times) - 1, len(all_times) * 99 // 100)]),
                            ("the call itself", sorted(calls)[len(calls) // 2]),
                            ("processor of the server, empty and full job", per_tip)):
            print(f"{'stratum':<10} {f'new tip to jobs, {a.connections} connections: ' + name:<54} "
                  f"{value * 1e3:>9.3f} ms", flush=True)
        for s in socks:
            s.close()
        node.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
