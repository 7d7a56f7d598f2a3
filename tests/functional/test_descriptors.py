"""Random descriptors, good and bad: quoind and bitcoind say the same of each, and derive the same
addresses from it; what one refuses both refuse. Needs a bitcoind (QUOIN_BITCOIND, or the one in
PATH). QUOIN_COUNT is how many (2,000), QUOIN_SEED with which to begin."""
import collections
import json
import os

from bitcoind import Bitcoind
from descriptors import Maker, checksum
from framework import equal

BATCH = 200


def ask(node, method, all_params):
    """Answers to many calls: a result, or an error as (code, message)."""
    out = []
    for k in range(0, len(all_params), BATCH):
        calls = [{"jsonrpc": "2.0", "id": i, "method": method, "params": p}
                 for i, p in enumerate(all_params[k:k + BATCH])]
        _, _, data = node.post(calls)
        got = sorted(json.loads(data), key=lambda a: a["id"])
        equal(len(got), len(calls))
        out += [a["result"] if a.get("error") is None else (a["error"]["code"], a["error"]["message"]) for a in got]
    return out


def both(nodes, method, all_params, counts):
    a, b = (ask(n, method, all_params) for n in nodes)
    for params, ours, core in zip(all_params, a, b):
        refused = isinstance(ours, tuple), isinstance(core, tuple)
        assert refused[0] == refused[1], f"{method} {params}\nours: {ours}\nbitcoind: {core}"
        if refused[0]:
            counts[f"{method}: both refuse"] += 1
            counts[f"{method}: in other words"] += ours != core
            if ours != core and os.environ.get("QUOIN_VERBOSE"):
                print(f"{params[0][:150]}\n  ours:     {ours}\n  bitcoind: {core}")
            continue
        counts[f"{method}: both answer"] += 1
        assert ours == core, f"{method} {params}\nours: {ours}\nbitcoind: {core}"
    return a


def compare(nodes, maker, n):
    counts = collections.Counter()
    texts = [maker.one() for _ in range(n)]
    infos = both(nodes, "getdescriptorinfo", [[t] for t in texts], counts)
    derive = []
    for text, info in zip(texts, infos):
        if isinstance(info, tuple):
            continue
        head = text.split("#")[0]
        first = maker.r.choice((0, 0, 1, 77, 2**31 - 3, maker.r.randrange(2**31 - 4)))
        span = [[first, first + 2]] if info["isrange"] and maker.r.random() < 0.97 else []
        derive.append([f"{head}#{checksum(head)}", *span])
        derive.append([info["descriptor"], *span])
    both(nodes, "deriveaddresses", derive, counts)
    return counts


def test_random_descriptors_mean_the_same_as_to_bitcoind(case):
    ours, core = case.node().start(), case.node(kind=Bitcoind).start()
    n, seed = (int(os.environ.get(k, d)) for k, d in (("QUOIN_COUNT", "2000"), ("QUOIN_SEED", "1")))
    counts = compare((ours, core), Maker(seed), n)
    print(f"       {n} descriptors: " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())))
    assert counts["deriveaddresses: both answer"] > n / 3, counts
    assert counts["getdescriptorinfo: both refuse"] > n / 8, counts
    ours.stop()
    core.stop()
