"""From a template to the plugin that waits for it: two plugins of one node are told of the same tips,
one inside the node and one isolated; each notes how long after it was made it had each template. What
isolation adds is the difference of the two at the same tip. Wanted is 0.1 ms.
"""
import argparse
import hashlib
import importlib.machinery
import importlib.util
import os
import shutil
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("bench_mempool", os.path.join(HERE, "mempool.py"))
pool = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_mempool", LOADER))
LOADER.exec_module(pool)
base = pool.base

NAME = "delivery of templates: what isolation adds"
WAYS = ("trusted", "isolated")
GRANT = """[plugin]
file = {so}
sha256 = {digest}
mode = {way}
[grant]
mining.template/1 = yes
rpc.serve/1 = prefix={way}.
[limits]
cpu = latency
"""


def grant(folder):
    where = os.path.join(folder, "regtest", "plugins.d")
    os.makedirs(where, mode=0o700)
    for way in WAYS:
        so = base.built(f"tests/bench/delivery_{way}.so")
        with open(so, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        path = os.path.join(where, f"org.quoin.bench.{way}.grant")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(GRANT.format(so=so, digest=digest, way=way))


def row(name, values):
    values = sorted(values)
    shown = (values[len(values) // 2], values[-1 - len(values) // 100], values[0])
    print(f"{'delivery':<10} {name:<44} " + " ".join(f"{v / 1e6:>9.4f} ms" for v in shown)
          + "  (median, p99, least)", flush=True)


def measure(node, tips):
    for _ in range(tips):
        node.call("generatetoaddress", 1, pool.ADDRESS)
    lags = {way: node.call(way + ".lags") for way in WAYS}
    for kind, name in enumerate(("EMPTY", "FULL")):
        trusted, isolated = (lags[way][kind] for way in WAYS)
        if len(trusted) != tips or len(isolated) != tips:
            raise SystemExit(f"of {tips} tips {len(trusted)} and {len(isolated)} were heard of")
        for way in WAYS:
            row(f"{name}, {way}", lags[way][kind])
        row(f"{name}, isolation adds", [b - a for a, b in zip(trusted, isolated)])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--filter", default="")
    p.add_argument("--reps", type=int, default=60, help="tips, which empty the mempool at some 60")
    p.add_argument("--smoke", action="store_true", help="three tips, few transactions")
    a = p.parse_args()
    if a.filter not in NAME:
        return
    tips, n_txs = (3, 300) if a.smoke else (a.reps, 50000)
    # So that there is something in each block to the end.
    pool.OPTIONS.append("-blockmaxweight=800000")
    chain, txs = pool.made(n_txs)
    scratch = tempfile.mkdtemp(prefix="quoin-bench-")
    os.chmod(scratch, 0o755)
    try:
        program = pool.Program("quoind", base.built("quoind"), chain, base.height_of(chain), scratch)
        grant(program.ready)
        node = program.node()
        os.chmod(node.folder, 0o755)
        node.wait(lambda n: [x["state"] for x in n.call("listplugins") or []] == ["RUNNING"] * 2)
        node.fill(pool.stream(txs))
        for way in WAYS:
            node.call(way + ".lags")
        measure(node, tips)
        node.done()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
