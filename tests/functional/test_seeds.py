"""contrib/seeds: what is measured on a network of four is the one address that is good."""
import json
import os
import socket
import subprocess
import sys
import threading

from framework import equal, program, same_tip

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib", "seeds", "seeds.py")


def address(port, services=9):
    return {"time": 1, "services": services, "address": "127.0.0.1", "port": port, "network": "ipv4"}


def cli_of(case, node, addresses):
    """A quoin-cli whose node knows these addresses."""
    path = os.path.join(case.dir, "cli")
    with open(path, "w") as f:
        f.write(f"#!/bin/sh\nif [ \"$1\" = getnodeaddresses ]; then echo '{json.dumps(addresses)}'; else\n"
                f"exec '{program('quoin-cli')}' -datadir='{node.datadir}' \"$@\"; fi\n")
    os.chmod(path, 0o755)
    return path


def measure(cli, *words):
    return subprocess.run([sys.executable, "-B", TOOL, "measure", "--cli", cli, *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def short(test):
    test.short = True
    return test


@short
def test_good_addresses_are_told_from_others(case):
    a, good, other = case.node().start(), case.node().start(), case.node().start()
    a.generatetodescriptor(30, "raw(51)")
    other.generatetodescriptor(40, "raw(52)")
    good.join(a)
    same_tip(a, good)
    with socket.create_server(("127.0.0.1", 0)) as liar:
        def lie():
            s, _ = liar.accept()
            s.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 10)
            s.close()
        thread = threading.Thread(target=lie)
        thread.start()
        with socket.create_server(("127.0.0.1", 0)) as s:
            closed = s.getsockname()[1]
        cli = cli_of(case, a, [address(n) for n in (other.p2p_port, good.p2p_port, closed, liar.getsockname()[1])] +
                     [address(good.p2p_port + 1, services=1024)])
        done = measure(cli)
        thread.join()
    equal(done.returncode, 0)
    first, *lines = done.stdout.splitlines()
    equal(lines, [f"127.0.0.1:{good.p2p_port}"])
    assert first.startswith("# Measured on ") and "1 of 1 good ones of 4 tried" in first, first
    for why in ("1 another chain, or behind", "1 speaks something else", "1 no connection, or closed", "1 good"):
        assert why in done.stderr, (why, done.stderr)


def test_of_one_group_few_are_taken_and_a_syncing_node_is_refused(case):
    a, b, c = (case.node().start() for _ in range(3))
    cli = cli_of(case, a, [address(n.p2p_port) for n in (b, c)])
    refused = measure(cli)
    equal(refused.returncode, 1)
    assert "still syncing, wanted one that has synced" in refused.stderr, refused.stderr
    a.generatetodescriptor(20, "raw(51)")
    for n in (b, c):
        n.join(a)
        same_tip(a, n)
    equal(len(measure(cli).stdout.splitlines()), 2)
    equal(len(measure(cli, "--per-group", "2").stdout.splitlines()), 3)


@short
def test_what_is_built_in_is_what_is_listed(case):
    done = subprocess.run([sys.executable, "-B", TOOL, "write", "--check"], stdout=subprocess.PIPE, text=True)
    equal((done.returncode, done.stdout), (0, "core/btc/fixed_seeds.c: up to date\n"))
