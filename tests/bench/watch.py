"""watch in real nodes: adding a million scripts from a process of its own, and what they take; a
rescan of the generated chain, beside bitcoind's when there is one with wallet (QUOIN_BITCOIND, or in
PATH), in alternating pairs, none with block filters but where it says so; and the time from a block's
connection to the answer of a long poll. Wanted: 2 s, 96 MB, 5 times faster, 5 ms in 99 of 100."""
import argparse
import datetime
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def beside(name):
    loader = importlib.machinery.SourceFileLoader("bench_" + name, os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


pool = beside("mempool")
base, idle = pool.base, pool.idle

OPTIONS = ["-connect=0", "-listen=0", "-maxtipage=1000000000", "-logtimemicros=1", "-persistmempool=0",
           "-dnsseed=0", "-rpcservertimeout=600"]
TPUB = ("tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZ"
        "PStJRJCTKvosUCJZL5B")
SCRIPTS = 1000
WATCH = "chain.read/1 = yes\nwatch/1 = scripts=1000000, memory=256MB\nstore.own/1 = quota=1GB\nrpc.serve/1 = prefix=watch.\n"
CROWD = "watch/1 = scripts=1000000, memory=256MB\nrpc.serve/1 = prefix=good.\n"


def row(name, *columns):
    print(f"{'watch':<10} {name:<44} " + " ".join(f"{c:>12}" for c in columns), flush=True)


def ms(x):
    return f"{x * 1e3:.3f} ms"


class Node(base.Node):
    def __init__(self, program, folder, *args):
        super().__init__(program, folder, *args, options=OPTIONS)
        self.wait(lambda n: (n.call("getmempoolinfo") or {}).get("loaded"))
        self.rpc = pool.Rpc(self)

    def ask(self, method, *params):
        reply = json.loads(b"".join(self.rpc.send(self.rpc.request(method, *params))))
        if reply.get("error"):
            sys.exit(f"{method}: {reply['error']}")
        return reply["result"]


def grant(folder, so, name, grants, mode):
    where = os.path.join(folder, "regtest", "plugins.d")
    os.makedirs(where, mode=0o700, exist_ok=True)
    with open(so, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    with open(os.open(os.path.join(where, name + ".grant"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write(f"[plugin]\nfile = {so}\nsha256 = {digest}\nmode = {mode}\n[grant]\n{grants}[limits]\ncpu = normal\n")


def running(node, name):
    def look(n):
        info = n.call("getplugininfo", name) or {}
        if info.get("state") in ("QUARANTINED", "NEEDS-GRANT", "REJECTED"):
            sys.exit(f"{name}: {info['reason']}")
        return info.get("state") == "RUNNING"
    node.wait(look)


def used(node, plugin):
    """Processor time of the node and of the plugin's process."""
    pid = node.ask("getplugininfo", plugin).get("pid") or node.process.pid
    return sum(idle.processor(p) for p in {node.process.pid, pid})


# ---- a million ----

def add(scratch, n, every, mode, reps, what):
    took, cpu, grown = [], [], []
    for _ in range(reps):
        folder = tempfile.mkdtemp(dir=scratch)
        grant(folder, os.path.abspath(base.built("tests/hostile/crowd.so")), "org.quoin.test.plugin", CROWD, mode)
        node = Node(base.built("quoind"), folder)
        running(node, "org.quoin.test.plugin")
        before, worked = idle.resident(node.process.pid), used(node, "org.quoin.test.plugin")
        got = node.ask("good.crowd", n, every)
        cpu.append(used(node, "org.quoin.test.plugin") - worked)
        if got["status"]:
            sys.exit(f"good.crowd: {got}")
        took.append(got["us"] / 1e6)
        grown.append(idle.resident(node.process.pid) - before)
        node.stop()
        shutil.rmtree(folder)
    row(f"{what} added, {mode}", f"{statistics.median(took):.3f} s", f"{min(took):.3f} s", f"{max(took):.3f} s",
        f"{statistics.median(cpu):.3f} s", "(processor: and what makes them up)")
    if mode == "isolated":
        row("  memory: as reckoned, and growth of the node", f"{got['bytes'] / 1048576:.1f} MiB",
            f"{statistics.median(grown) / 1048576:.1f} MiB")


# ---- rescans ----

def items(node, scripts):
    """As both nodes take them: a range of which nothing was paid, and scripts that were."""
    texts = [f"wpkh({TPUB}/0/*)"] + [f"raw({s})" for s in scripts]
    out = [{"desc": node.ask("getdescriptorinfo", t)["descriptor"], "timestamp": "now"} for t in texts]
    out[0]["range"] = [0, SCRIPTS - 1]
    return out


class Ours:
    def __init__(self, name, ready, scratch, filters):
        self.name, self.took, self.n = name, [], 0
        self.folder = tempfile.mkdtemp(dir=scratch)
        shutil.copytree(ready, self.folder, dirs_exist_ok=True)
        grant(self.folder, os.path.abspath(base.built(".libs/watch.so")), "org.quoin.watch", WATCH, "isolated")
        self.node = Node(base.built("quoind"), self.folder, *(["-blockfilterindex=1"] if filters else []))
        running(self.node, "watch")
        self.node.ask("watch.create", "bystander")
        if filters:
            self.node.wait(lambda n: n.ask("getindexinfo")["basic block filter index"]["synced"])

    def run(self, what):
        name = f"w{self.n}"
        self.node.ask("watch.create", name)
        if not all(r["success"] for r in self.node.ask("watch.import", name, what)):
            sys.exit("watch.import failed")
        cursor = self.node.ask("watch.status")["cursor"]
        before, begun = used(self.node, "watch"), time.perf_counter()
        self.node.ask("watch.rescan", 0)
        while True:  # until its end: who waits for another wallet hears of nothing else
            got = self.node.ask("watch.waitevent", cursor, 30, "bystander")
            cursor = got["cursor"]
            if any(e["event"] == "rescan" for e in got["events"]):
                break
        self.took.append((time.perf_counter() - begun, used(self.node, "watch") - before))
        self.n += 1
        found = self.node.ask("watch.transactions", name, 1)["total"]
        self.node.ask("watch.remove", name)
        return found


class Core:
    def __init__(self, program, ready, scratch):
        self.name, self.took, self.n = "bitcoind", [], 0
        self.node = Node(program, ready, "-blockfilterindex=0", "-unsafesqlitesync=1")

    def wallet(self, name, method, *params):
        self.node.rpc.head = re.sub(rb"POST [^ ]*", f"POST /wallet/{name}".encode(), self.node.rpc.head)
        return self.node.ask(method, *params)

    def run(self, what):
        name = f"w{self.n}"
        self.wallet("", "createwallet", name, True, True)
        if not all(r["success"] for r in self.wallet(name, "importdescriptors", what)):
            sys.exit("importdescriptors failed")
        before, begun = idle.processor(self.node.process.pid), time.perf_counter()
        self.wallet(name, "rescanblockchain", 0)
        self.took.append((time.perf_counter() - begun, idle.processor(self.node.process.pid) - before))
        self.n += 1
        found = self.wallet(name, "getwalletinfo")["txcount"]
        self.wallet(name, "unloadwallet")
        return found


def imported(program, chain, height, scratch):
    folder = tempfile.mkdtemp(dir=scratch)
    os.chmod(folder, 0o755)
    Node(program, folder).stop()  # bitcoind cannot import into an empty folder
    n = base.Node(program, folder, f"-loadblock={chain}", options=OPTIONS)
    n.wait(lambda n: n.call("getblockcount") == height)
    n.stop()
    return folder


def paid(node, height, n):
    """Some scripts that outputs of the last block pay."""
    block = node.ask("getblock", node.ask("getblockhash", height), 2)
    scripts = sorted({o["scriptPubKey"]["hex"] for t in block["tx"] for o in t["vout"] if o["value"] > 0})
    return scripts[::max(1, len(scripts) // n)][:n]


def rescans(scratch, models, reps, core):
    chain, height = base.chain_file(models)
    ready = imported(base.built("quoind"), chain, height, scratch)
    programs = [Core(core, imported(core, chain, height, scratch), scratch)] if core else []
    programs += [Ours("quoind", ready, scratch, False), Ours("quoind, with its filters", ready, scratch, True)]
    ours = programs[-1].node
    for label, scripts in ((f"{SCRIPTS:,} scripts, none paid", []),
                           (f"{SCRIPTS:,} scripts and one that is paid", paid(ours, height, 1)),
                           (f"{SCRIPTS:,} scripts and 20 that are paid", paid(ours, height, 20))):
        what = items(ours, scripts)
        for p in programs:
            p.took = []
        for _ in range(reps):
            found = {p.run(what) for p in programs}
            if len(found) != 1:
                sys.exit(f"they do not find the same: {found}")
        for p in programs:
            ratio, (wall, cpu) = "", zip(*p.took)
            if core and p is not programs[0]:
                pairs = list(zip(programs[0].took, p.took))
                ratio = [statistics.median(a[i] / max(b[i], 1e-2) for a, b in pairs) for i in (0, 1)]
                ratio = f"{ratio[0]:.2f}x faster (processor {ratio[1]:.2f}x)"
            row(f"rescan, {label} ({found.copy().pop():,} found): {p.name}", *(ms(x) for x in (statistics.median(wall), min(wall), max(wall),
                                                              statistics.median(cpu))), ratio)
    for p in programs:
        p.node.stop()


# ---- from a block to the long poll's answer ----

def connected(node):
    """Seconds since 1970 at which each block was the tip, from the log."""
    out = {}
    with open(os.path.join(node.folder, "regtest", "debug.log"), errors="replace") as f:
        for at, block in re.findall(r"^(\S+)Z UpdateTip: new best=(\w+)", f.read(), re.M):
            out[block] = datetime.datetime.fromisoformat(at + "+00:00").timestamp()
    return out


def latency(scratch, n, mode):
    folder = tempfile.mkdtemp(dir=scratch)
    grant(folder, os.path.abspath(base.built(".libs/watch.so")), "org.quoin.watch", WATCH, mode)
    node = Node(base.built("quoind"), folder)
    running(node, "watch")
    node.ask("watch.create", "w")
    node.ask("watch.import", "w", items(node, []))
    address = node.ask("deriveaddresses", items(node, [])[0]["desc"], [0, 0])[0]
    told, rpc = {}, pool.Rpc(node)
    cursor = node.ask("watch.status")["cursor"]

    def listen():
        at = cursor
        while len(told) < n:
            reply = json.loads(b"".join(rpc.send(rpc.request("watch.waitevent", at, 30))))["result"]
            now = time.time()
            at = reply["cursor"]
            for e in reply["events"]:
                if e["event"] == "confirmed":
                    told.setdefault(e["blockhash"], now)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    handed = {}
    for k in range(n):
        block = node.ask("generateblock", address, [], False)
        handed[block["hash"]] = time.time()
        if node.ask("submitblock", block["hex"]) is not None:
            sys.exit("a block was refused")
        end = time.monotonic() + 60
        while len(told) <= k and time.monotonic() < end:
            time.sleep(0.0005)
    thread.join(60)
    at = connected(node)
    node.stop()
    for label, begun in (("connected", at), ("handed in", handed)):
        took = sorted(told[b] - begun[b] for b in told)
        row(f"block {label} to long poll, {mode}", ms(statistics.median(took)), ms(took[0]),
            ms(took[-1]), f"p99 {ms(took[min(len(took) - 1, len(took) * 99 // 100)])}")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=3, help="pairs")
    p.add_argument("--models", type=int, default=26, help="model blocks in the chain")
    p.add_argument("--smoke", action="store_true", help="once, with little")
    a = p.parse_args()
    parts = {"watch: add": 0, "watch: rescan": 1, "watch: latency": 2}
    wanted = {v for k, v in parts.items() if a.filter in k}
    if not wanted:
        return
    n, reps, models, blocks = (10000, 1, 1, 10) if a.smoke else (1000000, a.reps, a.models, 300)
    core = None if a.smoke else base.core_node()
    if not os.path.exists(base.built(".libs/watch.so")):
        row("plugins", "-", "(built without plugins)")
        return
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    os.chmod(scratch, 0o755)  # a plugin's user finds its folder below
    try:
        if 0 in wanted:
            for mode in ("isolated", "trusted"):
                add(scratch, n, 0, mode, reps, f"{n:,} scripts")
            some = n * 10 // 11 - 1
            add(scratch, some, 10, "isolated", reps, f"{some:,} and {(some + 9) // 10:,} outpoints")
        if 1 in wanted:
            rescans(scratch, models, reps, core)
        if 2 in wanted:
            for mode in ("isolated", "trusted"):
                latency(scratch, blocks, mode)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
