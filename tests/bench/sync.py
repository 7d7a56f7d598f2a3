"""Initial sync of the generated chain from a quoind on the same machine: quoind, and bitcoind when
there is one (QUOIN_BITCOIND, or in PATH), in alternating pairs, with every script checked and with
-assumevalid at the tip. So that the second means anything, two weeks' worth of empty blocks lie on
top of the chain. Wall time from start to tip, processor time of the whole process, ratio to
bitcoind in the middle of the pairs.
"""
import argparse
import importlib.machinery
import importlib.util
import os
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("bench_import", os.path.join(HERE, "import.py"))
base = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_import", LOADER))
LOADER.exec_module(base)

ON_TOP = 2100  # blocks: more than two weeks
ADDRESS = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202"
OLD = "-maxtipage=1000000000"  # the chain was made long ago


def source(chain, height, scratch):
    """A quoind that serves the chain: the node, where it listens, height and hash of the tip."""
    port = base.free_port()
    n = base.Node(base.built("quoind"), tempfile.mkdtemp(dir=scratch), f"-loadblock={chain}", OLD,
                  options=["-connect=0", f"-bind=127.0.0.1:{port}", "-listen=1", "-assumevalid=0"])
    n.wait(lambda n: n.call("getblockcount") == height)
    for _ in range(0, ON_TOP, 100):
        if not n.call("generatetoaddress", 100, ADDRESS):
            sys.exit("the serving node does not make blocks")
    tip = n.call("getbestblockhash")
    return n, f"127.0.0.1:{port}", height + ON_TOP, tip


def once(program, address, height, assumed, scratch):
    """Wall and processor seconds."""
    folder = tempfile.mkdtemp(dir=scratch)
    begun = time.monotonic()
    n = base.Node(program, folder, f"-connect={address}", OLD,
                  options=["-listen=0", f"-assumevalid={assumed}"])
    n.wait(lambda n: n.call("getblockcount") == height)
    wall = time.monotonic() - begun
    cpu = n.stop()
    shutil.rmtree(folder)
    return wall, cpu


def row(name, runs, against=None):
    wall, cpu = zip(*runs)
    ratio = ""
    if against:
        ratio = [statistics.median(a[i] / b[i] for a, b in zip(runs, against)) for i in (0, 1)]
        ratio = f"{ratio[0]:6.2f}x (processor {ratio[1]:.2f}x)"
    show = (statistics.median(wall), min(wall), max(wall), statistics.median(cpu))
    print(f"{'sync':<10} {name:<44} " + " ".join(f"{x:>10.3f} s" for x in show) + f" {ratio:>12}",
          flush=True)


def compare(what, assumed, address, height, scratch, pairs):
    core, ours, theirs = base.core_node(), [], []
    for _ in range(pairs):
        if core:
            theirs.append(once(core, address, height, assumed, scratch))
        ours.append(once(base.built("quoind"), address, height, assumed, scratch))
    if core:
        row(f"{what}: bitcoind", theirs)
    row(f"{what}: quoind", ours, theirs)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=3, help="pairs")
    p.add_argument("--models", type=int, default=26, help="model blocks in the chain")
    p.add_argument("--smoke", action="store_true", help="once, with a small chain")
    a = p.parse_args()
    if a.smoke:
        a.reps = a.models = 1
    if a.filter not in "sync: generated chain from a peer, quoind, bitcoind":
        return
    chain, height = base.chain_file(a.models)
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    try:
        n, address, height, tip = source(chain, height, scratch)
        compare("from a peer, all scripts", "0", address, height, scratch, a.reps)
        compare("from a peer, assumed valid", tip, address, height, scratch, a.reps)
        n.stop()
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
