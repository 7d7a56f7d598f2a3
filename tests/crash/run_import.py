#!/usr/bin/env python3
"""The node alone, crashed and failed during an import with reorganisations.

usage: run_import.py [--long] [--vectors] [--seed N] [--kind KIND --at N]   (--kind: that one point)

Checked at every point: after a crash the folder opens without a reindex; its coins are, by their
hash, those of a block that was the best, and no older than the last flush that was reported; every
block reported durable is still there; the import can be finished and ends with the right hashes.
After a failing call the program ends with a message that names the file, or shrugs it off, and the
same holds.
"""
import argparse
import json
import os
import shutil
import sys

from faults import BUILD, KILLED, Suite, environment, read_count, run, spread, vectors

PROGRAM = os.path.join(BUILD, "tests", "crash", "crash_import")
NOT_OPENED, CANNOT_GO_ON = 3, 4
PRUNED_FILES = 24  # 288 blocks, 16 to a file, and some
SHORT_PRUNED = {"EIO": 3, "ENOSPC": 2, "full": 1, "stop": 5, "crash": 8, "twice": 3}
LONG_PRUNED = {"EIO": 60, "ENOSPC": 40, "full": 15, "stop": 80, "crash": 200, "twice": 80}
# Where the block files are all there is.
SHORT_LOST = {"EIO": 3, "ENOSPC": 2, "full": 1, "stop": 4, "crash": 6, "twice": 3}
LONG_LOST = {"EIO": 50, "ENOSPC": 30, "full": 10, "stop": 50, "crash": 100, "twice": 50}
SHORT = {"EIO": 8, "ENOSPC": 5, "full": 3, "stop": 4, "crash": 16, "twice": 8}
LONG = {"EIO": 200, "ENOSPC": 100, "full": 50, "stop": 50, "crash": 300, "twice": 150}
# The recorded chain has ten times the bytes.
RECORDED = {"EIO": 60, "ENOSPC": 40, "full": 20, "stop": 20, "crash": 150, "twice": 50}
MADE_SEED = "1"


class Said:
    """What a run said."""

    def __init__(self, text):
        self.lines = [line.split() for line in text.splitlines()]
        # Killed in the middle of nothing: each line is one write, so all are whole.
        self.opened = self.only("opened")
        self.began = self.only("began")
        self.end = self.only("end")
        self.new = {w[1] for w in self.lines if w[0] == "new"}

    def only(self, word):
        return next((w[1:] for w in self.lines if w[0] == word), None)

    def durable(self):
        """(hash, height) of every tip that was said to be durable."""
        return [(w[1], int(w[2])) for w in self.lines if w[0] == "durable"]

    def last_flush(self):
        """The last reported flush, or None if its block was left since."""
        at = max((k for k, w in enumerate(self.lines) if w[0] == "flushed"), default=None)
        if at is None or any(w[0] == "left" for w in self.lines[at:]):
            return None
        return self.lines[at][1]


class Chain:
    """A file of blocks, and what every run over it must come to. lost: each run begins with the
    block files of a finished one, whose index and chainstate are gone. prune: bytes of block files
    that each run prunes to."""

    def __init__(self, suite, label, file, every, lost=False, prune=0):
        self.file, self.every, self.template, self.prune = file, str(every), None, str(prune)
        folder = os.path.join(suite.dir, label + " states")
        code, out, err = run([PROGRAM, "states", folder, file])
        assert code == 0, err
        states = [line.split()[1:] for line in out.splitlines() if line.startswith("state ")]
        self.coins = {h: coins for h, coins, _, _ in states}
        self.height = {h: int(n) for h, _, n, _ in states}
        self.parent = {h: p for h, _, _, p in states}
        folder = os.path.join(suite.dir, label + " clean")
        os.mkdir(folder)
        count = folder + ".count"
        code, out, err = run(self.args(folder), environment(folder, count))
        assert code == 0, err
        clean = Said(out)
        assert any(w[0] == "left" for w in clean.lines), "the chain has no reorganisation"
        self.end, self.calls = clean.end, read_count(count)
        if prune:
            self.check_pruned(folder, clean)
        if lost:
            self.lose_databases(folder, count)

    def lose_databases(self, folder, count):
        for part in (("blocks", "index"), ("chainstate",)):
            shutil.rmtree(os.path.join(folder, *part))
        self.template = folder + " lost"
        shutil.copytree(folder, self.template)
        code, out, err = run(self.args(folder), environment(folder, count))
        assert code == 0, err
        said = Said(out)
        assert any(w[0] == "reindexing" for w in said.lines) and not said.new, "blocks were lost"
        self.check_end(said)
        self.calls = read_count(count)

    def args(self, folder):
        return [PROGRAM, "run", folder, self.file, self.every, "1", self.prune]

    def faulted(self, folder, point, lie=False):
        """Run under the fault. What it said, and whether it ended by itself and well."""
        data, count = os.path.join(folder, "data"), os.path.join(folder, "count")
        if self.template and not os.path.exists(data):
            shutil.copytree(self.template, data)
        os.makedirs(data, exist_ok=True)
        code, out, err = run(self.args(data), environment(data, count, point, lie))
        kind, n = point
        calls = read_count(count)
        if kind in ("stop", "crash") and calls >= n:
            assert code == KILLED, f"status {code}, wanted {KILLED}: {err}"
            return Said(out)
        assert code in (0, NOT_OPENED, CANNOT_GO_ON), f"status {code}: {err}"
        assert "[bug]" not in err, err
        named = any(f"{data}/{part}" in err for part in ("blocks", "chainstate"))
        assert code == 0 or named, f"status {code} without a word of the file: {err}"
        said = Said(out)
        if code == 0:
            self.check_end(said)
        return said

    def check_pruned(self, folder, said):
        """What may be deleted is deleted, and nothing else: said by the program, seen in the folder."""
        kept = int([w[1] for w in said.lines if w[0] == "kept"][-1])
        assert kept > 50, f"kept from {kept} on: this does not prune"
        names = sorted(n for n in os.listdir(os.path.join(folder, "blocks")) if n[:3] in ("blk", "rev"))
        blk, rev = ({n[3:] for n in names if n.startswith(kind)} for kind in ("blk", "rev"))
        assert blk == rev and len(blk) < PRUNED_FILES, f"files left: {names}"

    def check_end(self, said):
        assert said.end == self.end, f"ended with {said.end}, wanted {self.end}"

    def check_opened(self, before, now):
        best, coins = now.opened
        if set(best) == {"0"}:
            assert not before.last_flush(), f"no coins, but {before.last_flush()} was flushed"
            return
        assert best in self.coins, f"opened at {best}, which was never the best block"
        assert coins == self.coins[best], f"opened at {best} with the coins of something else"
        flushed = before.last_flush()
        # A block that is disconnected may be flushed away before it is said to be left.
        assert not flushed or self.height[best] >= self.height[flushed] or best == self.parent[flushed], \
            f"opened at height {self.height[best]}, but {self.height[flushed]} was flushed"

    def recovered(self, folder, before):
        """The folder opens, is in a legal state, and the import can be finished."""
        code, out, err = run(self.args(os.path.join(folder, "data")))
        assert code == 0, f"does not go on: status {code}: {err}"
        now = Said(out)
        self.check_opened(before, now)
        assert not (self.template and now.new), f"the files do not hold these any more: {now.new}"
        durable = before.durable()
        lost = [h for h, _ in durable if h in now.new]
        assert not lost, f"durable, but not here any more: {lost}"
        if durable:
            assert int(now.began[1]) >= durable[-1][1], f"began at {now.began}, durable was {durable[-1]}"
        self.check_end(now)
        if self.prune != "0":
            self.check_pruned(os.path.join(folder, "data"), now)

    def point(self, folder, point, lie=False):
        self.recovered(folder, self.faulted(folder, point, lie))

    def twice(self, folder, point, again):
        """The second fault strikes during the recovery from the first."""
        first = self.faulted(folder, point)
        second = self.faulted(folder, again)
        # What the first run reported must still hold; the second may have got no further.
        lost = [h for h, _ in first.durable() if h in second.new]
        assert not lost, f"durable, but not here any more: {lost}"
        self.recovered(folder, second if second.began else first)


def lying_disk(suite, chain, n):
    """A disk whose syncs do nothing must be noticed: at every single point in the second half."""
    found = 0
    points = [p for p in spread(suite.rng, "crash", 2 * n, chain.calls)][n:]
    for p in points:
        why = suite.attempt(f"lying disk at {p}", lambda d: chain.point(d, p, lie=True))
        found += why is not None

    def noticed(_):
        assert found == len(points), f"syncs that do nothing were noticed at {found} of {len(points)} points"
    suite.one("the mutant whose fdatasync does nothing fails", noticed)
    print(f"lying disk: noticed at {found} of {len(points)} points", flush=True)


def try_all(suite, label, chain, amount):
    for kind in ("EIO", "ENOSPC", "full", "stop", "crash"):
        suite.each(f"{label}, {kind}", spread(suite.rng, kind, amount[kind], chain.calls), chain.point)
    twice = spread(suite.rng, "crash", amount["twice"], chain.calls)
    rng = suite.rng
    again = {p: (rng.choice(["crash", "crash", "EIO", "ENOSPC"]), rng.randrange(1, 80)) for p in twice}
    suite.each(f"{label}, again while recovering", twice, lambda d, p: chain.twice(d, p, again[p]))
    if not chain.template:
        lying_disk(suite, chain, 4)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind")
    parser.add_argument("--at", type=int)
    parser.add_argument("--vectors", action="store_true", help="only the recorded chain")
    o = parser.parse_args()
    suite = Suite("import", o.seed)
    recorded = vectors("regtest-mixed/blocks.dat")
    chains = []
    if not (o.vectors and recorded):
        made = os.path.join(suite.dir, "made.dat")
        code, _, err = run([PROGRAM, "make", MADE_SEED, made])
        assert code == 0, err
        chains.append(("made chain", made, 7, {}, LONG if o.long else SHORT))
        chains.append(("lost databases", made, 7, {"lost": True}, LONG_LOST if o.long else SHORT_LOST))
        made = os.path.join(suite.dir, "long.dat")
        code, _, err = run([PROGRAM, "makelong", MADE_SEED, made])
        assert code == 0, err
        chains.append(("pruned", made, 25, {"prune": 2}, LONG_PRUNED if o.long else SHORT_PRUNED))
    if recorded and (o.long or o.vectors):
        chains.append(("regtest-mixed", recorded, 9, {}, RECORDED if o.long else SHORT))
    elif o.long:
        print("skipped: regtest-mixed (no QUOIN_VECTORS)")
    for label, file, every, kind, amount in chains:
        chain = Chain(suite, label, file, every, **kind)
        if recorded and file == recorded:
            with open(vectors("regtest-mixed/expected.json")) as f:
                want = json.load(f)
            assert chain.end == [want["tip"], str(want["height"]), want["utxo"]["muhash"],
                                 want["utxo"]["hash_serialized_3"]], chain.end
        print(f"{label}: {chain.calls} calls, {len(chain.coins)} states", flush=True)
        if o.kind:
            suite.one(f"{label}, {o.kind} at {o.at}", lambda d: chain.point(d, (o.kind, o.at)))
        else:
            try_all(suite, label, chain, amount)
    sys.exit(suite.end())


if __name__ == "__main__":
    main()
