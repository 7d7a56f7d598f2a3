"""Idle peers of a real node: 125 connections, half of them encrypted, that have shaken hands and say
nothing but pongs. Printed: memory each costs (what the process grew by, resident) and the share of
one processor that all of them take. Wanted are 1 MB each and 1 %; with --smoke the memory is also
asserted, with few peers, for that does not depend on how busy the machine is.
"""
import argparse
import importlib.machinery
import importlib.util
import os
import selectors
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "functional"))
import peer  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("bench_import", os.path.join(HERE, "import.py"))
base = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_import", LOADER))
LOADER.exec_module(base)

PEERS = 125
WANT_MB, WANT_SHARE = 1.0, 0.01
NAME = "peers idle"


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def processor(pid):
    """Seconds it has taken in all."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def join(port, encrypted):
    p = peer.V2.connect(port) if encrypted else peer.V1.connect(port)
    if encrypted:
        p.shake()
    p.greet()
    return p


def idle(peers, seconds):
    """Answer pings until the time is over."""
    s = selectors.DefaultSelector()
    for p in peers:
        s.register(p.sock, selectors.EVENT_READ, p)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in s.select(max(0, end - time.monotonic())):
            name, payload = key.data.receive()
            if name == b"ping":
                key.data.send(b"pong", payload)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=1, help="not used: one run says it all")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--smoke", action="store_true", help="few peers, for a moment")
    a = p.parse_args()
    if a.filter not in NAME:
        return
    n, seconds = (20, 0.5) if a.smoke else (PEERS, a.seconds)
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    try:
        port = base.free_port()
        node = base.Node(base.built("quoind"), scratch, "-listen=1", f"-bind=127.0.0.1:{port}",
                         f"-maxconnections={2 * PEERS}", "-inboundrelaypercent=100")  # room for all
        pid = node.process.pid
        node.wait(lambda n: n.call("getblockcount") == 0)
        first = [join(port, False), join(port, True)]  # what the first ones bring is not theirs
        before = resident(pid)
        peers = [join(port, i % 2 == 1) for i in range(n)]
        each = (resident(pid) - before) / n
        assert node.call("getconnectioncount") == n + 2
        cpu, begun = processor(pid), time.monotonic()
        idle(first + peers, seconds)
        share = (processor(pid) - cpu) / (time.monotonic() - begun)
        assert node.call("getconnectioncount") == n + 2
        print(f"{'peers':<10} {f'{n} idle: memory of each':<44} {each / 1e6:>9.3f} MB (wanted {WANT_MB})")
        print(f"{'peers':<10} {f'{n} idle: share of a processor':<44} {share * 100:>9.2f} %  "
              f"(wanted {WANT_SHARE * 100:.0f})", flush=True)
        node.stop()
        if a.smoke and each > WANT_MB * 1e6:
            sys.exit("an idle peer costs too much memory")
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
