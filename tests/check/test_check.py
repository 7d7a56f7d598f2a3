#!/usr/bin/env python3
"""quoin-plugin check: a good plugin passes every case, and each wrong one fails just its own."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

BUILD = pathlib.Path(os.environ["top_builddir"])
SANITIZED = re.search(r"enable-(asan|tsan)", (BUILD / "config.log").read_text().split("\n## ", 1)[0])

# shape: {case that fails: a part of what is found}
WANTED = {
    "GOOD": {},
    "SYMBOL": {"static": "a_symbol_more"},
    "PRINT_AT_LOAD": {"load": "loading prints 6 bytes"},
    "FILE_AT_LOAD": {"load": "loading makes 1 files"},
    "OPEN_AT_LOAD": {"load": "loading leaves 2 descriptors open"},
    "THREAD_AT_LOAD": {"load": "loading starts 1 threads"},
    "SLOW_AT_LOAD": {"load": "ms at best"},
    "OPTIONAL": {"optional": "without rpc.serve/1 it does not start (QN_E_DENIED)"},
    "OPTIONAL_CRASH": {"optional": "signal 11 (Segmentation fault) (running without rpc.serve/1",
                       "faults": "signal 11 (Segmentation fault) (when its call 3 answers QN_E_IO"},
    "REQUIRED": {"required": "it starts although store.own/1, which it requires, is refused (QN_E_OLDHOST)"},
    "LEAK": {"cycles": "bytes of memory are lost in each life"},
    "LEAK_FD": {"cycles": "90 descriptors are left after 90 lives"},
    "STOP_HANG": {"stop": "it hangs: no end after 10 s (stopped in the middle of catching up)"},
    "STOP_CRASH": {"stop": "signal 6 (Aborted) (stopped after start(), before anything of it ran)"},
    "HISTORY": {"history": "key 636f696e73 has value"},
    "MIDWAY": {"midway": "signal 6 (Aborted)"},
    "GAP": {"gap": "signal 6 (Aborted) (going over a gap)"},
    "CARELESS": {"faults": "store.own/1 write, answered QN_E_IO: it went on without a word"},
    "TORN": {"faults": "after a new start", "kill": "its store after a kill before call",
             "quota": "its store after its quota was reached, and then raised"},
    "STATIC": {"kill": "its store after a kill before call"},
    "WINDOW": {"window": "with window=1 in its grant it gives up"},
    "QUOTA": {"quota": "signal 6 (Aborted) (reaching its quota)"},
    "MEMORY": {"memory": "with 64 MB more than it had"},
    "CHATTY": {"rate": "lines over"},
    "WRONG_THREAD": {"threads": "store.own/1 get is called from a thread of its own"},
    "RPC_CRASH": {"rpc": "signal 6 (Aborted) (asked check.status [null])"},
    "RPC_FAIL": {"rpc": "it gives up when asked (a caller's mistake"},
    "PARITY_ANSWER": {"parity": '"confined":0'},
    "PARITY_LOG": {"parity": "trusted it never logs status not read"},
    "CLOCK": {"rate": "lines over"},
    "RPC_JSON": {"rpc": "check.status [] is answered with {"},
}
# Who is led through a real node, twice: the others break a rule that shows without.
IN_NODE = {"GOOD", "PARITY_ANSWER", "PARITY_LOG", "CLOCK"}
# What a sanitizer's own allocator and address space hide; and a process with a thread, which it may
# not survive to fork.
HIDDEN = {"LEAK", "MEMORY", "THREAD_AT_LOAD"} if SANITIZED else set()
if SANITIZED: # which ends a process in its own way
    WANTED["OPTIONAL_CRASH"] = dict.fromkeys(WANTED["OPTIONAL_CRASH"], "its process ended with status 1")


def check(shape: str, *more: str) -> dict:
    command = [str(BUILD / "quoin-plugin"), "check", str(BUILD / "tests/check" / f"{shape}.so"), "-json", *more]
    got = subprocess.run(command, capture_output=True, text=True, timeout=300)
    report = json.loads(got.stdout)
    report["status"] = got.returncode
    return report


def judge(shape: str) -> list:
    report = check(shape, *([] if shape in IN_NODE else ["-quoind=none"]))
    failed = {x["case"]: x for x in report["cases"] if x["result"] == "fail"}
    wanted = WANTED[shape]
    bad = []
    if set(failed) != set(wanted):
        bad.append(f"{shape}: found failures {sorted(failed)}, wanted {sorted(wanted)}: "
                   + "; ".join(f"{k}: {x['found']}" for k, x in failed.items()))
    for case, part in wanted.items():
        if case in failed and part not in failed[case]["found"]:
            bad.append(f"{shape}: {case}: found '{failed[case]['found']}', wanted '{part}'")
        if case in failed and f"-filter={case} -seed=1" not in failed[case]["again"]:
            bad.append(f"{shape}: {case}: no way to see it again: {failed[case]['again']}")
    if report["status"] != (1 if failed else 0):
        bad.append(f"{shape}: exit status {report['status']}")
    return bad


def options() -> list:
    """The words that the report names lead to the same failure."""
    report = check("CARELESS", "-filter=faults")
    again = report["cases"][0]["again"].split()
    more = [w for w in again if w.startswith(("-seed", "-at", "-in-process"))]
    alone = check("CARELESS", "-filter=faults", *more)
    bad = [] if alone["cases"][0].get("found") == report["cases"][0]["found"] else [f"again: {alone}"]
    if "no program at -quoind" not in check("GOOD", "-filter=parity", "-quoind=none")["cases"][0]["found"]:
        bad.append("parity without a node is not skipped")
    if check("CLOCK", "-filter=parity")["cases"][0]["result"] != "pass":
        bad.append("what time does is held against a plugin")
    if check("GOOD", "-filter=nothing")["status"] != 1:
        bad.append("no case at all is no success")
    if check("HISTORY", "-filter=history", "-anystore")["status"] != 0:
        bad.append("-anystore compares")
    if [x["case"] for x in check("GOOD", "-filter=kill")["cases"]] != ["kill"]:
        bad.append("filter")
    return bad


def main() -> int:
    bad = []
    shapes = [s for s in WANTED if s not in HIDDEN]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for got in pool.map(judge, shapes):
            bad += got
    bad += options()
    for line in bad:
        print("FAIL:", line)
    print(f"{len(shapes)} plugins, {len(bad)} failures")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
