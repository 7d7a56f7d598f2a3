"""Nothing changes: a node with the indexer, stratum, gbt, metrics and watch plugins, each isolated,
is left alone for a while. Printed are the share of one processor that node and plugins take, and for
each thread that woke up how often it did, most often first. Wanted is 0.1 % in all.
"""
import argparse
import collections
import hashlib
import importlib.machinery
import importlib.util
import os
import shutil
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("bench_import", os.path.join(HERE, "import.py"))
base = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_import", LOADER))
LOADER.exec_module(base)

NAME = "idle: node and plugins"
WANT = 0.001
GRANTS = {
    "indexer": "chain.read/1 = yes\nchain.follow/1 = window=16\nblock.read/1 = yes\n"
               "store.own/1 = quota=1GB\nrpc.serve/1 = prefix=indexer.\n",
    "stratum": "mining.template/1 = yes\nmining.submit/1 = yes\nstore.own/1 = quota=256MB\n"
               "rpc.serve/1 = prefix=stratum.\nnet.listen/1 = 127.0.0.1:{port}, max_conns=100\n"
               "[config]\nlisten = 127.0.0.1:{port}\n",
    "gbt": "mining.template/1 = yes\nmining.submit/1 = yes\nmining.check/1 = yes\n"
           "rpc.serve/1 = prefix=gbt.\n",
    "metrics": "chain.read/1 = yes\nnode.read/1 = yes\npeers.read/1 = yes\n"
               "http.serve/1 = yes\n",
    "watch": "chain.read/1 = yes\nwatch/1 = scripts=1000\nstore.own/1 = quota=1GB\n"
             "rpc.serve/1 = prefix=watch.\n",
}


def grant_all(folder):
    where = os.path.join(folder, "regtest", "plugins.d")
    os.makedirs(where, mode=0o700)
    for name, text in GRANTS.items():
        so = base.built(f".libs/{name}.so")
        with open(so, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        path = os.path.join(where, f"org.quoin.{name}.grant")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(f"[plugin]\nfile = {so}\nsha256 = {digest}\n[grant]\n"
                    + text.format(port=base.free_port()))


def descendants(pid):
    """It and all that it has started."""
    children = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/children") as f:
            children += f.read().split()
    return [pid] + [p for c in children for p in descendants(int(c))]


class Taken:
    """What the threads of some processes have taken so far: processor time in ns, wake-ups."""

    def __init__(self, pids):
        self.of = {}
        for pid in pids:
            for tid in os.listdir(f"/proc/{pid}/task"):
                task = f"/proc/{pid}/task/{tid}/"
                with open(task + "schedstat") as f:
                    ran = int(f.read().split()[0])
                with open(task + "status") as f:
                    lines = dict(line.split(":", 1) for line in f)
                woken = int(lines["voluntary_ctxt_switches"])
                self.of[pid, tid] = (lines["Name"].strip(), ran, woken)


def differences(before, after):
    """Processor time in all; of each kind of thread time and wake-ups."""
    kinds = collections.defaultdict(lambda: [0, 0])
    for key, (name, ran, woken) in after.of.items():
        _, had, slept = before.of.get(key, (name, 0, 0))
        kinds[key[0], name][0] += ran - had
        kinds[key[0], name][1] += woken - slept
    return sum(ran for ran, _ in kinds.values()), kinds


def row(name, value):
    print(f"{'idle':<10} {name:<60} {value}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=1, help="not used: one run says it all")
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--smoke", action="store_true", help="for a moment")
    a = p.parse_args()
    if a.filter not in NAME:
        return
    seconds = 0.5 if a.smoke else a.seconds
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    os.chmod(scratch, 0o755)  # a plugin's user finds its folder below
    folder = os.path.join(scratch, "node")
    os.makedirs(folder)
    grant_all(folder)
    try:
        node = base.Node(base.built("quoind"), folder, "-listen=1", f"-bind=127.0.0.1:{base.free_port()}")
        node.wait(lambda n: [x["state"] for x in n.call("listplugins") or []] == ["RUNNING"] * len(GRANTS))
        names = {node.process.pid: "quoind"}
        for x in node.call("listplugins"):
            names[node.call("getplugininfo", x["id"])["pid"]] = x["id"]
        time.sleep(0 if a.smoke else 5)  # what was to be done once they run is done
        pids = descendants(node.process.pid)
        before, begun = Taken(pids), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begun
        cpu, kinds = differences(before, Taken(pids))
        for (pid, thread), (ran, woken) in sorted(kinds.items(), key=lambda x: -x[1][1]):
            if woken:
                row(f"{names.get(pid, pid)}, {thread}", f"{woken / took:>8.2f}/s {ran / took / 1e7:>9.4f} %")
        row("all: share of a processor", f"{'':>11} {cpu / took / 1e7:>8.4f} %  (wanted {WANT * 100:.1f})")
        node.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
