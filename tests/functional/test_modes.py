"""One plugin, both modes: the same file inside the node and in a process of its own gives the same
answers, byte for byte. The chain is the recorded regtest chain, reorganisations included."""
import hashlib
import json
import os

from framework import BUILD, equal, wait_until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VECTORS = os.environ.get("QUOIN_VECTORS", os.path.join(os.path.dirname(TOP), "shared", "vectors"))
ID = "org.quoin.indexer"
GRANTS = ("chain.read/1 = yes\nchain.follow/1 = window=16\nblock.read/1 = window=16\n"
          "store.own/1 = quota=1GB\nrpc.serve/1 = prefix=indexer.\n")


def blocks(folder):
    """The recorded blocks as hex, in the order in which they arrived."""
    with open(os.path.join(folder, "blocks.dat"), "rb") as f:
        data = f.read()
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at + 4:at + 8], "little")
        yield data[at + 8:at + 8 + size].hex()
        at += 8 + size


def grant(node, mode):
    file = os.path.join(BUILD, ".libs", "indexer.so")
    with open(file, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    os.makedirs(node.path("plugins.d"), mode=0o700)
    path = node.path("plugins.d", ID + ".grant")
    with open(path, "w") as f:
        f.write(f"[plugin]\nfile = {file}\nsha256 = {digest}\nmode = {mode}\n[grant]\n{GRANTS}[limits]\ncpu = normal\n")
    os.chmod(path, 0o600)


def caught_up(node):
    tip = node.getbestblockhash()
    wait_until("the index has the tip", lambda: node.call("indexer.status")["tip"].get("hash") == tip)


def ask(node, method, *params):
    """The bytes of the reply."""
    status, _, body = node.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
    return status, body


def questions(want):
    for s in want["scripts"]:
        for method in ("history", "utxos", "balance"):
            yield f"indexer.{method}", s["script"]
    for s in want["spends"]:
        txid, n = s["outpoint"].split(":")
        yield "indexer.spender", txid, int(n)
        yield "indexer.tx", txid
    yield "indexer.tx", "00" * 32
    yield "indexer.history", "no script"
    yield ("indexer.balance",)


def test_isolated_and_trusted_give_equal_answers(case):
    folder = os.path.join(VECTORS, "regtest-mixed")
    if not os.path.exists(folder):
        print("skipped: no vectors here")
        return
    with open(os.path.join(folder, "expected.json")) as f:
        want = json.load(f)
    nodes = {}
    for mode in ("trusted", "isolated"):
        nodes[mode] = n = case.node().start()
        n.stop()
        grant(n, mode)
        n.start()
        wait_until("the indexer runs", lambda n=n: n.listplugins()[0]["state"] == "RUNNING")
        equal(n.listplugins()[0]["mode"], mode)
    for b in list(blocks(folder))[1:]:
        for n in nodes.values():
            n.submitblock(b)
    for n in nodes.values():
        equal(n.getbestblockhash(), want["tip"])
        caught_up(n)
    for q in questions(want):
        equal(ask(nodes["isolated"], *q), ask(nodes["trusted"], *q))
    for s in want["scripts"]:
        rows, page = [], {"more": True}
        while page["more"]:
            page = nodes["isolated"].call("indexer.history", s["script"], len(rows))
            rows += page["history"]
        equal([[r["height"], r["position"], r["txid"]] for r in rows], s["history"])
    # The mode is changed over the same folder, and back.
    for n, mode in ((nodes["isolated"], "trusted"), (nodes["trusted"], "isolated")):
        n.stop()
        os.remove(n.path("plugins.d", ID + ".grant"))
        os.rmdir(n.path("plugins.d"))
        grant(n, mode)
        n.start()
        wait_until("the indexer runs", lambda n=n: n.listplugins()[0]["state"] == "RUNNING")
        equal(n.listplugins()[0]["mode"], mode)
        caught_up(n)
    for q in questions(want):
        equal(ask(nodes["isolated"], *q), ask(nodes["trusted"], *q))


test_isolated_and_trusted_give_equal_answers.short = True
