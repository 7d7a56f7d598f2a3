"""Random descriptors derived by a program of others: @bitcoinerlab/descriptors from npm, whose keys,
scripts and Miniscript share no code with ours or with bitcoind's. Needs node in PATH and
QUOIN_DESCRIPTORS, a folder where `npm install --ignore-scripts` has put @bitcoinerlab/descriptors and
@bitcoinerlab/secp256k1. QUOIN_COUNT is how many (2,000), QUOIN_SEED with which to begin.

It reads more loosely than BIP380 and 379 have it: what we alone refuse must be of a kind named here, and
what it alone refuses of one that it does not know."""
import collections
import json
import os
import re
import shutil
import subprocess

from descriptors import ALPHABET, Maker, checksum
from framework import TIMEOUT, Skip, equal
from test_descriptors import ask

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ("pkh(", "wpkh(", "sh(wpkh(", "sh(wsh(", "sh(", "wsh(", "tr(")
CHILDREN = (0, 1, 5, 1000, 2**31 - 1)


def npm(items):
    """Its answers to [(text, child), ...]: {"script": hex} or {"error": text} each."""
    folder = os.environ["QUOIN_DESCRIPTORS"]
    got = subprocess.run(["node", os.path.join(HERE, "descriptors_npm.mjs"), folder], input=json.dumps(items),
                         text=True, capture_output=True, timeout=10 * TIMEOUT)
    assert got.returncode == 0, got.stderr
    return json.loads(got.stdout)


def branches(text):
    """The descriptors that one with multipath steps stands for (BIP389)."""
    n = max((s.count(";") + 1 for s in re.findall("<([^>]*)>", text)), default=1)
    return [re.sub("<([^>]*)>", lambda m, k=k: m[1].split(";")[k], text) for k in range(n)]


def meanings(text, n):
    """The descriptors whose n scripts it means: each of its branches, and BIP384's combo() as what it is for."""
    out = branches(text)
    if text.startswith("combo("):
        kinds = ("pkh({})", "wpkh({})", "sh(wpkh({}))")[:n // len(out)]
        out = [k.format(t[len("combo("):-1]) for t in out for k in kinds]
    equal(len(out), n)
    return out


def for_npm(text):
    """pk(K) is short for c:pk_k(K) (BIP379). npm's takes the long form literally: no extended key in it, and in
    tr() all 33 bytes of a key, where BIP386 wants its x coordinate."""
    return text.split("#")[0].replace("c:pk_k(", "pk(") if "c:pk_k(" in text else text


def scripts_of(node, asked):
    """What each of [(text without checksum, child, is a range)] means to us: a list of scripts in hex, one for
    each branch; None: it has no address, or steps that need secret keys."""
    calls = [[f"{text}#{checksum(text)}"] + ([[child, child]] if ranged else []) for text, child, ranged in asked]
    got = ask(node, "deriveaddresses", calls)
    out = []
    for answer in got:
        if isinstance(answer, tuple):
            assert re.search("corresponding address|without private keys", answer[1]), answer
            out.append(None)
        else:
            out.append([a for part in answer for a in (part if isinstance(part, list) else [part])])
    flat = sorted({a for addresses in out if addresses for a in addresses})
    script = {a: v["scriptPubKey"] for a, v in zip(flat, ask(node, "validateaddress", [[a] for a in flat]))}
    return [addresses and [script[a] for a in addresses] for addresses in out]


def public(key, child):
    """A name for the public key: its x coordinate, unless it must be derived."""
    key = re.sub(r"^\[[^]]*\]", "", key).replace("*", str(child))
    if "/" in key or not key.startswith("tpub"):
        return key if "/" in key else key[-64:]
    n = 0
    for c in key:
        n = n * 58 + ALPHABET.index(c)
    return (n >> 32).to_bytes(78, "big")[-32:].hex()


def strict(text, refusal):
    """Is it one of what npm's alone lets pass: numbers of 2^31 and more, "*" before the end, empty steps, a colon
    after each wrapper of Miniscript, and keys that are one at child 0, where bitcoind compares them?"""
    colons = re.search("[a-z]:[a-z]+:", text) and "is not a valid descriptor function" in refusal
    return colons or re.search("Key path value|duplicate public keys", refusal)


def why_not(text, child, error):
    """What it does not know; None: it should have known. BIP383 and 387 let multi() and multi_a() name a key
    twice, while npm's takes them for Miniscript, which does not; and it compares keys once they are derived."""
    keys = [public(k, child) for k in re.findall(r"(?<=[(,])((?:\[[^]]*\])?\w{64,}[^(),]*)(?=[,)])", text)]
    if text.startswith(("rawtr(", "raw(")):
        return text.split("(")[0] + "()"
    if "duplicate public keys" in error and len(set(keys)) < len(keys):
        return "one key twice"
    return "a number that begins with 0" if re.search(r"multi(_a)?\(0", text) else None


def compare(node, maker, n):
    counts, failures = collections.Counter(), []
    texts = [maker.one() for _ in range(n)]
    infos = ask(node, "getdescriptorinfo", [[t] for t in texts])
    children = [maker.r.choice(CHILDREN) for _ in texts]
    good = [k for k, info in enumerate(infos) if not isinstance(info, tuple)]
    ours = scripts_of(node, [(texts[k].split("#")[0], children[k], infos[k]["isrange"]) for k in good])
    rows = [(texts[k], children[k], None) for k, info in enumerate(infos) if isinstance(info, tuple)]
    refusals = [info[1] for info in infos if isinstance(info, tuple)]
    for k, scripts in zip(good, ours):
        if scripts is None:
            counts["without an address"] += 1
            continue
        head = texts[k].split("#")[0]
        alone = meanings(head, len(scripts)) if re.search(r"^combo\(|<", head) else [texts[k]]
        rows += [(t, children[k], s) for t, s in zip(alone, scripts)]
        counts["that mean several"] += len(scripts) > 1
    refusals += [None] * (len(rows) - len(refusals))
    for (text, child, script), refusal, theirs in zip(rows, refusals, npm([(for_npm(t) if s else t, c) for t, c, s in rows])):
        if script is None:
            counts["both refuse" if "error" in theirs else "only we refuse"] += 1
            if "error" not in theirs and not strict(text, refusal):
                failures.append(f"{text} {child}: {refusal}")
        elif "error" in theirs:
            why = why_not(text, child, theirs["error"])
            counts[f"only npm's refuses {why}"] += 1
            if not why:
                failures.append(f"{text} {child}: {theirs['error'][:200]}")
        else:
            counts["equal"] += theirs["script"] == script
            counts[next((k for k in KINDS if text.startswith(k)), "other")] += 1
            if theirs["script"] != script:
                failures.append(f"{text} {child}\nours: {script}\nnpm's: {theirs['script']}")
    return counts, failures


def test_random_descriptors_derive_the_same_as_by_others(case):
    folder = os.environ.get("QUOIN_DESCRIPTORS", "")
    if not os.path.isdir(os.path.join(folder, "node_modules", "@bitcoinerlab", "descriptors")) or not shutil.which("node"):
        raise Skip("set QUOIN_DESCRIPTORS to a folder with node_modules/@bitcoinerlab/descriptors")
    node = case.node().start()
    n, seed = (int(os.environ.get(k, d)) for k, d in (("QUOIN_COUNT", "2000"), ("QUOIN_SEED", "1")))
    counts, failures = compare(node, Maker(seed, public=True), n)
    node.stop()
    print(f"       {n} descriptors: " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())))
    assert not failures, f"{len(failures)}: " + "\n".join(failures[:5])
    assert counts["equal"] > n * 0.4, counts
    assert all(counts[k] > n / 60 for k in KINDS), counts
    assert n / 8 < counts["both refuse"] < n / 2 and counts["only we refuse"] < n / 40, counts
