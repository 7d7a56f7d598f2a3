"""A compact block from one peer to the next: from its last byte in to the first byte out to a
high-bandwidth peer, on loopback. Its transactions are known (they were in a block that left the
chain), so that nothing has to be asked for. One row: median, fastest and slowest time.
"""
import argparse
import os
import socket
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "functional"))
import framework  # noqa: E402
from bip152 import Full, hello, payments  # noqa: E402
from handmade import Peer, locator, wire  # noqa: E402

COIN = 50 * 100000000


class Relay:
    def __init__(self, case, n_tx):
        self.node = case.node(f"blockreconstructionextratxn={2 * n_tx}\ncheckblockindex=0\n").start()
        made = self.node.mine(101)
        self.txs = payments(wire(self.node.getblock(made[0])["tx"][0]), n_tx, COIN)
        self.source, self.sink = Peer(self.node), Peer(self.node)
        self.source.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.source.send("sendcmpct", hello(0))
        self.give(self.next([]))  # makes the source a high-bandwidth peer
        first = self.next(self.txs)
        self.give(first)
        self.sink.ask("getheaders", locator([first.hash]))
        self.sink.send("sendcmpct", hello(1))
        self.sink.settle()
        self.last = first.hash

    def next(self, txs):
        tip = self.node.getblockheader(self.node.getbestblockhash())
        return Full(tip["hash"], tip["height"] + 1, tip["time"] + 1, txs)

    def give(self, b):
        self.source.send("block", b.raw)
        self.source.settle()
        framework.equal(self.node.getbestblockhash(), b.hash)

    def once(self):
        """Seconds. The block before gives its transactions back, an empty one takes its place."""
        self.node.invalidateblock(self.last)
        self.node.mine(1)
        b = self.next(self.txs)
        message = b.compact()
        self.source.settle()
        self.sink.settle()
        message = self.source.frame("cmpctblock", message)
        self.source.socket.sendall(message[:-1])
        begun = time.perf_counter()
        self.source.socket.sendall(message[-1:])
        first = self.sink.socket.recv(1 << 16)
        took = time.perf_counter() - begun
        self.sink.buffer += first
        framework.equal(self.sink.read()[0], "cmpctblock")
        self.source.settle()
        framework.equal(self.node.getbestblockhash(), b.hash)
        self.last = b.hash
        return took


def row(name, *columns):
    print(f"{'relay':<10} {name:<44} " + " ".join(f"{c:>12}" for c in columns), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=15)
    p.add_argument("--smoke", action="store_true", help="once, with a small block")
    a = p.parse_args()
    if a.filter not in "relay: compact block, known transactions":
        return
    for n_tx in (20,) if a.smoke else (20, 1000, 4000):
        case = framework.Case()
        try:
            relay = Relay(case, n_tx)
            took = [relay.once() for _ in range(2 if a.smoke else a.reps)]
        finally:
            problems = case.close()
            case.remove()
        if problems:
            sys.exit("\n".join(problems))
        row(f"compact block, {n_tx:,} known transactions",
            *(f"{1000 * t:.2f} ms" for t in (statistics.median(took), min(took), max(took))))


if __name__ == "__main__":
    main()
