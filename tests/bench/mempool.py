"""The mempool of real nodes: quoind, and bitcoind when there is one (QUOIN_BITCOIND, or in PATH), in
alternating runs over the same chain and the same stream of transactions (tests/bench/gen_pool).

Printed are how fast they are let in, from a peer and by RPC; memory of each; getrawmempool of all of
them; getblocktemplate made anew; and how long a block of known ones takes, with the number of scripts
that had to be run for it. Wall time, processor time of the node, ratio to bitcoind in the middle of
the pairs.
"""
import argparse
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "functional"))
from handmade import Peer  # noqa: E402


def beside(name):
    loader = importlib.machinery.SourceFileLoader("bench_" + name, os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


base, idle = beside("import"), beside("peers")

BATCH = 100
ADDRESS = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202"
# The chain was made long ago; regtest would check the whole mempool again after each transaction.
OPTIONS = ["-connect=0", "-maxtipage=1000000000", "-checkmempool=0", "-persistmempool=0",
           "-debug=bench", "-dnsseed=0", "-rpcservertimeout=600"]


class Rpc:
    """One connection that is kept. Requests are bytes made before; a reply is bytes."""

    def __init__(self, node):
        with open(os.path.join(node.folder, "regtest", ".cookie"), "rb") as f:
            auth = base.base64.b64encode(f.read())
        self.head = b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + auth + \
            b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        self.socket = socket.create_connection(("127.0.0.1", node.port), 600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.space = bytearray(1 << 20)

    def request(self, method, *params):
        return self.pack({"id": 0, "method": method, "params": params})

    def pack(self, what):
        body = json.dumps(what).encode()
        return self.head % (len(body), body)

    def send(self, request):
        """The body of the answer, in pieces."""
        self.socket.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.receive()
        head, rest = head.split(b"\r\n\r\n", 1)
        pieces, length = [rest], re.search(rb"(?i)content-length: *(\d+)", head)
        got, tail = len(rest), rest[-5:]
        while got < int(length[1]) if length else tail != b"0\r\n\r\n":
            piece = self.receive()
            pieces.append(piece)
            got, tail = got + len(piece), (tail + piece[-5:])[-5:]
        return pieces

    def receive(self):
        # A server that writes head and body apart would wait for the delayed acknowledgement.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        n = self.socket.recv_into(self.space)
        if not n:
            sys.exit("the node hung up")
        return bytes(self.space[:n])


class Node(base.Node):
    def __init__(self, program, folder, *args):
        self.p2p_port = base.free_port()
        listen = ["-listen=1", f"-bind=127.0.0.1:{self.p2p_port}"]
        super().__init__(program, folder, *args, options=OPTIONS + listen)
        self.program = program
        self.wait(lambda n: (n.call("getmempoolinfo") or {}).get("loaded"))

    def __getattr__(self, name):
        return lambda *params: self.call(name, *params)

    def done(self):
        self.stop()
        shutil.rmtree(self.folder)

    def fill(self, txs):
        """Quickly."""
        give(self, Peer.frame, txs)

    def bench_lines(self, pattern):
        with open(os.path.join(self.folder, "regtest", "debug.log"), errors="replace") as f:
            return re.findall(pattern, f.read())


def made(n_txs):
    """Paths of the chain and of the stream. Made again when the generator is newer."""
    maker = base.built("tests/bench/gen_pool")
    chain, pool = (base.built(f"tests/bench/pool-{n_txs}-{k}.dat") for k in ("chain", "txs"))
    if not os.path.exists(pool) or os.path.getmtime(pool) < os.path.getmtime(maker):
        subprocess.run([maker, chain, pool + ".new", str(n_txs)], check=True,
                       stdout=subprocess.DEVNULL)
        os.rename(pool + ".new", pool)
    return chain, pool


def stream(path):
    with open(path, "rb") as f:
        data = f.read()
    at, txs = 0, []
    while at < len(data):
        n, = struct.unpack_from("<I", data, at)
        txs.append(data[at + 4:at + 4 + n])
        at += 4 + n
    return txs


class Program:
    """quoind or bitcoind: a folder that has the chain, and what was measured."""

    def __init__(self, name, path, chain, height, scratch):
        self.name, self.path, self.scratch = name, path, scratch
        self.ready = tempfile.mkdtemp(dir=scratch)
        Node(path, self.ready).stop()  # bitcoind cannot import into an empty folder
        n = Node(path, self.ready, f"-loadblock={chain}")
        n.wait(lambda n: n.call("getblockcount") == height)
        n.stop()
        self.rows = {}

    def node(self):
        folder = tempfile.mkdtemp(dir=self.scratch)
        shutil.copytree(self.ready, folder, dirs_exist_ok=True)
        os.remove(os.path.join(folder, "regtest", "debug.log"))
        return Node(self.path, folder)

    def note(self, what, wall, cpu):
        self.rows.setdefault(what, []).append((wall, cpu))


class Watch:
    """Wall time, and processor time of a node."""

    def __init__(self, node):
        self.pid = node.process.pid
        self.cpu, self.wall = idle.processor(self.pid), time.perf_counter()

    def read(self):
        wall = time.perf_counter() - self.wall
        return wall, idle.processor(self.pid) - self.cpu


def all_in(node, n):
    got = node.getmempoolinfo()["size"]
    if got != n:
        sys.exit(f"{node.program}: {got} transactions are in the mempool, not {n}")


# ---- one peer sends them all ----

def give(node, frame, txs):
    """Times from the first byte to the answer to a ping behind the last one."""
    p = Peer(node)
    p.socket.settimeout(600)
    data = b"".join(frame("tx", tx) for tx in txs)
    watch = Watch(node)
    sender = threading.Thread(target=p.socket.sendall, args=(data,))
    sender.start()
    sender.join()
    p.settle()
    took = watch.read()
    p.socket.close()
    return took


def from_a_peer(program, txs):
    n = program.node()
    before = idle.resident(n.process.pid)
    program.note("from a peer", *give(n, Peer.frame, txs))
    all_in(n, len(txs))
    info = n.getmempoolinfo()
    program.usage = info["usage"] / len(txs)
    program.resident = idle.resident(n.process.pid)
    program.grown = (program.resident - before) / len(txs)
    n.done()


# ---- RPC ----

def by_rpc(program, txs, batch):
    n = program.node()
    rpc = Rpc(n)
    calls = [{"id": i, "method": "sendrawtransaction", "params": [tx.hex()]}
             for i, tx in enumerate(txs)]
    groups = [calls[i:i + batch] for i in range(0, len(calls), batch)] if batch > 1 else calls
    requests = [rpc.pack(g) for g in groups]
    watch = Watch(n)
    for r in requests:
        rpc.send(r)
    program.note("by RPC, batches" if batch > 1 else "by RPC, one by one", *watch.read())
    all_in(n, len(txs))
    n.done()


# ---- a full mempool is read ----

def time_call(program, node, rpc, what, request, reps=1):
    watch = Watch(node)
    for _ in range(reps):
        got = rpc.send(request)
    wall, cpu = watch.read()
    program.note(what, wall / reps, cpu / reps)
    return b"".join(got)


def template(program, node, rpc, request, some):
    """After ten seconds and a change, nothing of the last one holds."""
    program.clock = getattr(program, "clock", int(time.time())) + 10
    node.setmocktime(program.clock)
    node.prioritisetransaction(some, 0, 1)
    reply = json.loads(time_call(program, node, rpc, "getblocktemplate", request))
    return reply["result"]["transactions"]


def read_all(programs, txs, reps):
    nodes = [p.node() for p in programs]
    for n in nodes:
        n.fill(txs)
        all_in(n, len(txs))
    some = nodes[0].getrawmempool()[0]
    rpcs = [Rpc(n) for n in nodes]
    for _ in range(reps):
        for p, n, rpc in zip(programs, nodes, rpcs):
            time_call(p, n, rpc, "getrawmempool", rpc.request("getrawmempool"), 3)
            time_call(p, n, rpc, "getrawmempool true", rpc.request("getrawmempool", True))
            template(p, n, rpc, rpc.request("getblocktemplate", {"rules": ["segwit"]}), some)
    for n in nodes:
        n.done()


# ---- a block whose transactions are known ----

def block_of(program, txs):
    n = program.node()
    n.fill(txs)
    all_in(n, len(txs))
    block = n.getblock(n.generatetoaddress(1, ADDRESS)[0], 0)
    n_tx = n.getblock(n.getbestblockhash())["nTx"]
    n.done()
    return block, n_tx - 1


def known_block(program, txs, block):
    n = program.node()
    n.fill(txs)
    rpc = Rpc(n)
    reply = json.loads(time_call(program, n, rpc, "block of known ones",
                                 rpc.request("submitblock", block)))
    if reply["result"] is not None:
        sys.exit(f"{program.name} refuses the block: {reply}")
    ran = n.bench_lines(r"Scripts of block \w+: (\d+) inputs, (\d+) run")
    n.done()
    if program.name == "quoind":
        program.ran = int(ran[-1][1])


# ---- rows ----

def row(name, *columns):
    print(f"{'mempool':<10} {name:<44} " + " ".join(f"{c:>12}" for c in columns), flush=True)


def report(programs, what, label, per=None):
    for p in programs:
        runs, ratio = p.rows[what], ""
        wall, cpu = zip(*runs)
        show = [f"{x * 1e3:.2f} ms" for x in (statistics.median(wall), min(wall), max(wall),
                                              statistics.median(cpu))]
        if per:
            show.append(f"{per / statistics.median(wall):,.0f}/s")
        if p is not programs[0]:
            pairs = list(zip(runs, programs[0].rows[what]))
            ratio = [statistics.median(a[i] / b[i] if b[i] else 0 for a, b in pairs) for i in (0, 1)]
            ratio = f"{ratio[0]:.2f}x (processor {ratio[1]:.2f}x)"
        row(f"{label}: {p.name}", *show, ratio)


def memory(programs):
    for p in programs:
        row(f"memory of each: {p.name}", f"{p.usage:.0f} B", f"{p.grown:.0f} B",
            f"{p.resident / 1e6:.0f} MB", "(getmempoolinfo; growth of what is resident; that in all)")


def in_turn(programs, reps, fn, *args):
    for _ in range(reps):
        for p in programs:
            fn(p, *args)


def accept_rates(programs, txs, reps):
    n = len(txs)
    in_turn(programs, reps, from_a_peer, txs)
    report(programs, "from a peer", f"{n:,} from a peer", n)
    memory(programs)
    in_turn(programs, reps, by_rpc, txs, BATCH)
    report(programs, "by RPC, batches", f"{n:,} by RPC, batches of {BATCH}", n)
    few = txs[:n // 5]
    in_turn(programs, reps, by_rpc, few, 1)
    report(programs, "by RPC, one by one", f"{len(few):,} by RPC, one by one", len(few))


def known_blocks(programs, txs, reps):
    block, n_tx = block_of(programs[-1], txs)
    in_turn(programs, reps, known_block, txs, block)
    report(programs, "block of known ones", f"block of {n_tx:,} known transactions")
    row("  scripts run for it: quoind", programs[-1].ran)
    if programs[-1].ran:
        sys.exit("scripts of known transactions were run again")


def measure(programs, txs, n, n_block, reps):
    known_blocks(programs, txs[:n_block], reps)
    accept_rates(programs, txs[:n], reps)
    read_all(programs, txs, max(reps, 3))
    report(programs, "getrawmempool", f"getrawmempool of {len(txs):,}")
    report(programs, "getrawmempool true", f"getrawmempool true of {len(txs):,}")
    report(programs, "getblocktemplate", f"getblocktemplate of {len(txs):,}, made anew")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=3, help="pairs")
    p.add_argument("--smoke", action="store_true", help="once, with few transactions")
    a = p.parse_args()
    if a.filter not in "mempool: accept, memory, getrawmempool, getblocktemplate, known block":
        return
    sizes = (300, 200, 100) if a.smoke else (50000, 20000, 4000)
    chain, pool = made(sizes[0])
    height, txs = base.height_of(chain), stream(pool)
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    core = None if a.smoke else base.core_node()
    if not core and not a.smoke:
        row("beside bitcoind", "-", "(no bitcoind in PATH, none named by QUOIN_BITCOIND)")
    try:
        programs = [Program("bitcoind", core, chain, height, scratch)] if core else []
        programs.append(Program("quoind", base.built("quoind"), chain, height, scratch))
        measure(programs, txs, *sizes[1:], 1 if a.smoke else a.reps)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
