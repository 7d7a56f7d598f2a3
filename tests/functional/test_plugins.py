"""Plugins in a node: one that never comes back does not keep it from ending well."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import threading

from framework import BUILD, RpcError, equal, expect_error, program, wait_until
from plugin_node import plugin_file, running

ID, CHECK = "org.quoin.test.plugin", "org.quoin.test.check"
ALL = ("chain.read/1 = yes\nchain.follow/1 = window=16\nblock.read/1 = window=16\n"
       "store.own/1 = quota=1GB\nrpc.serve/1 = prefix=good.\n")
ROUNDS, NODES = 2, 3


def grant(node, shape, mode="trusted"):
    """Give a plugin of tests/hostile all it asks for."""
    file = os.path.join(BUILD, "tests", "hostile", shape + ".so")
    with open(file, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    os.makedirs(node.path("plugins.d"), mode=0o700)
    path = node.path("plugins.d", ID + ".grant")
    with open(path, "w") as f:
        f.write(f"[plugin]\nfile = {file}\nsha256 = {digest}\nmode = {mode}\n[grant]\n{ALL}"
                "[limits]\ncpu = normal\n[failure]\nstop = 1s\n")
    os.chmod(path, 0o600)


def test_a_plugin_that_never_stops_is_left_behind(case):
    nodes = [case.node().start() for _ in range(NODES)]
    for n in nodes:
        n.stop()
        grant(n, "WEDGE")
    for turn in range(ROUNDS):
        for n in nodes:
            n.start()
            equal(n.getblockcount(), 5 * turn)
            n.generatetodescriptor(5, "raw(51)")
            wait_until("plugin runs", lambda: n.listplugins()[0]["state"] == "RUNNING")
        for n in nodes:
            n.process.send_signal(signal.SIGTERM)
        for n in nodes:
            n.wait_exit()
            assert f"{ID}: STOPPING -> WEDGED: it did not stop in 1 s; its thread is left behind" in n.log()
            assert n.log().endswith("Shutdown done\n")
            assert not os.path.exists(n.path("bitcoind.pid")) and not os.path.exists(n.path(".cookie"))
    for n in nodes:
        os.remove(n.path("plugins.d", ID + ".grant"))
        n.start("-checkblocks=0", "-checklevel=4")
        equal(n.getblockcount(), 5 * ROUNDS)


test_a_plugin_that_never_stops_is_left_behind.short = True


def test_a_reload_loses_no_call(case):
    """While the plugin is exchanged, callers wait a moment; none is told that there is no method."""
    n = case.node().start()
    n.stop()
    grant(n, "GOOD", "isolated")
    n.start()
    wait_until("plugin runs", lambda: n.listplugins()[0]["state"] == "RUNNING")
    before = n.getplugininfo(ID)["pid"]
    answers, over = [], threading.Event()

    def call():
        while not over.is_set():
            try:
                answers.append(n.call("good.echo", len(answers)))
            except RpcError as e:
                answers.append(e)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for t in callers:
        t.start()
    for _ in range(5):
        equal(n.plugin("reload", ID)["state"], "RUNNING")
    over.set()
    for t in callers:
        t.join()
    assert len(answers) > 30 and not [a for a in answers if isinstance(a, RpcError)], answers[-5:]
    assert n.getplugininfo(ID)["pid"] != before
    expect_error(-32601, "Method not found", n.call, "good.nothing")
    n.plugin("stop", ID)
    expect_error(-32601, f"Method not found: {ID}, which has the name, is STOPPED", n.call, "good.echo")
    n.stop()


test_a_reload_loses_no_call.short = True


def test_who_calls_at_once_waits_for_the_start(case):
    """No sooner is the node there than its plugins' methods are called."""
    n = case.node().start()
    n.stop()
    grant(n, "GOOD", "isolated")
    for turn in range(5):
        n.start()
        equal(n.call("good.echo", turn), [turn])
        expect_error(-32601, "Method not found", n.call, "good.nothing")
        expect_error(-32601, "Method not found", n.call, "better.echo")
        n.stop()


test_who_calls_at_once_waits_for_the_start.short = True


def test_pin_and_reload_in_one(case):
    n = case.node().start()
    file = os.path.join(case.dir, "new.so")
    shutil.copy(os.path.join(BUILD, "tests", "check", "GOOD.so"), file)

    def tool(*words):
        got = subprocess.run([program("quoin-plugin"), f"-datadir={n.datadir}", "-regtest", "--yes", *words],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return got.returncode, got.stdout, got.stderr

    def pinned():
        with open(n.path("plugins.d", CHECK + ".grant")) as f:
            return f"sha256 = {digest()}\n" in f.read()

    def digest():
        with open(file, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()

    def update():
        with open(file + "~", "wb") as f, open(file, "rb") as old:
            f.write(old.read() + b"x")
        os.rename(file + "~", file)

    code, out, err = tool("enable", "-reload", "-mode=isolated", file)
    equal((code, err), (0, ""))
    assert "has taken it up" in out, out
    equal(n.getplugininfo(CHECK)["state"], "RUNNING")
    before = n.getplugininfo(CHECK)["pid"]
    update()
    code, out, err = tool("pin", "-reload", "check")
    equal((code, err), (0, ""))
    assert "has taken it up" in out and "It takes effect" not in out, out
    info = n.getplugininfo(CHECK)
    equal((info["state"], info["sha256"], info["pid"] != before), ("RUNNING", digest(), True))
    assert pinned()
    # Pinned already: it is reloaded all the same.
    equal(tool("pin", "-reload", "check")[0], 0)
    assert n.getplugininfo(CHECK)["pid"] != info["pid"]
    # A node that refuses, and one that does not run.
    with open(n.path("plugins.d", CHECK + ".grant"), "r+") as f:
        good = f.read()
        f.seek(0)
        f.write(good.replace("[config]\n", "[config]\nnothing = 1\n"))
    update()
    code, out, err = tool("pin", "-reload", "check")
    assert code == 1 and "nothing" in err and f"the node that runs has not taken it up; {CHECK} is RUNNING" in err, err
    assert "not put back: the file that it was for is no more" in err and pinned(), err
    with open(n.path("plugins.d", CHECK + ".grant"), "w") as f:
        f.write(good)
    n.stop()
    update()
    code, out, err = tool("pin", "-reload", "check")
    assert code == 1 and "Could not connect to the server" in err, err
    assert "no node that runs has taken it up" in err and f"plugin reload {CHECK}" in out and pinned(), (out, err)
    # What a grant allowed ends with it.
    n.start()
    code, out, err = tool("disable", "-reload", "check")
    equal((code, err), (0, ""))
    assert "has stopped it" in out, out
    expect_error(-8, "Plugin not found", n.getplugininfo, CHECK)
    n.stop()


test_pin_and_reload_in_one.short = True


def test_a_plugin_that_is_down_is_among_the_warnings(case):
    """It waits to be started again, is refused, or is stopped, which is as it should be."""
    n = case.node().start()
    n.stop()
    grant(n, "INITFAIL", "isolated")
    with open(n.path("plugins.d", ID + ".grant"), "a") as f:
        f.write("restart = 1/10min\n")
    n.start()

    def warned(text):
        ways = [getattr(n, m)()["warnings"] for m in ("getnetworkinfo", "getblockchaininfo", "getmininginfo")]
        return all(any(text in w for w in way) for way in ways) and text in n.cli("-getinfo")[1]

    wait_until("the pause is told", lambda: warned(f"Plugin {ID} is BACKOFF: init() answered"))
    wait_until("it is quarantined", lambda: n.getplugininfo(ID)["state"] == "QUARANTINED")
    assert warned(f"Plugin {ID} is QUARANTINED: it crashed 2 times")
    n.stop()
    with open(n.path("plugins.d", ID + ".grant"), "a") as f:
        f.write("nothing = 1\n")
    n.start()
    assert warned(f"Plugin {ID} is REJECTED: grant: line ")
    os.remove(n.path("plugins.d", ID + ".grant"))
    equal(n.getnetworkinfo()["warnings"], [])
    assert "Warnings: (none)" in n.cli("-getinfo")[1]
    n.stop()


def test_a_change_that_the_node_refuses_is_taken_back(case):
    """What is no good now is no good at the next start either; the operator's text comes back whole."""
    n = case.node().start()
    file = os.path.join(BUILD, "tests", "hostile", "unruly.so")

    def enable(what):
        got = subprocess.run([program("quoin-plugin"), f"-datadir={n.datadir}", "-regtest", "--yes", "-reload",
                              "-grant=rpc.serve/1=prefix=good.", f"-config=what={what}", "enable", file],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return got.returncode, got.stdout, got.stderr

    def text():
        with open(n.path("plugins.d", ID + ".grant")) as f:
            return f.read()

    code, out, err = enable("nothing")
    equal((code, err), (0, ""))
    with open(n.path("plugins.d", ID + ".grant"), "a") as f:
        f.write("# by hand\n")
    good = text()
    for bad in "fail-init", "fail-start", "crash-init":
        code, out, err = enable(bad)
        assert code == 1 and "Written: " in out, out
        assert "error code: -26" in err and "the node refused it and goes on with what it had" in err, err
        equal(text(), good)
        wait_until("the old one runs", lambda: n.getplugininfo(ID)["state"] == "RUNNING")
    n.restart()
    wait_until("it runs", lambda: n.getplugininfo(ID)["state"] == "RUNNING")
    # One that does not run goes on with nothing: what was written stays.
    n.plugin("stop", ID)
    code, out, err = enable("fail-init")
    assert code == 1 and "stays as it is now" in err, err
    assert "what = fail-init" in text()
    n.stop()
    code, out, err = enable("nothing")
    assert code == 1 and "stays as it is now" in err, err
    equal(text(), good)
    n.start()
    wait_until("it runs", lambda: n.getplugininfo(ID)["state"] == "RUNNING")
    os.remove(n.path("plugins.d", ID + ".grant"))
    n.restart()
    code, out, err = enable("fail-init")
    assert code == 1 and f"To take it back: quoin-plugin -datadir={n.datadir} -chain=regtest disable {ID}" in err, err
    n.stop()


def tool_of(n):
    def tool(*words):
        got = subprocess.run([program("quoin-plugin"), f"-datadir={n.datadir}", "-regtest", "--yes", *words],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return got.returncode, got.stdout, got.stderr
    return tool


def in_build_folder(case):
    """A node that finds the plugins that lie beside it."""
    n = case.node()
    with open(os.path.join(n.datadir, "quoin.conf")) as f:
        text = f.read()
    assert text.startswith("plugindir=")
    n.write_conf(text[text.index("\n") + 1:])
    return n


def done(got):
    """What went well, with nothing on stderr."""
    equal((got[0], got[2]), (0, ""))
    return got[1]


def test_reload_reloads_where_nothing_is_to_change(case):
    """What -reload asks for is done, or it is said that it was not."""
    n = case.node().start()
    tool, file = tool_of(n), os.path.join(BUILD, "tests", "check", "GOOD.so")
    done(tool("enable", "-config=batch=5", file))
    expect_error(-8, "Plugin not found", n.getplugininfo, CHECK)
    code, out, err = tool("enable", "-reload", "-config=batch=5", file)
    equal((code, err), (0, ""))
    assert "has taken it up" in out and "In its grant" not in out, out
    before = n.getplugininfo(CHECK)
    equal(before["state"], "RUNNING")
    done(tool("enable", "-reload", file))
    assert n.getplugininfo(CHECK)["pid"] != before["pid"]
    n.stop()
    code, out, err = tool("enable", "-reload", file)
    assert code == 1 and "no node that runs has taken it up" in err and f"plugin reload {CHECK}" in out, (out, err)


def test_disabled_while_it_runs(case):
    """It goes on until it is stopped; then it is as before it was enabled."""
    n = in_build_folder(case).start()
    tool, name = tool_of(n), "org.quoin.gbt"
    plugin_file("gbt")
    done(tool("enable", "-reload", "gbt"))
    before = running(n, "gbt")
    assert "grant_removed" not in before
    done(tool("disable", "gbt"))
    now = {p["id"]: p for p in n.listplugins()}[name]
    equal((now["state"], now["grant_removed"]), ("RUNNING", True))
    code, out, err = tool("disable", "gbt")
    assert code == 1 and "found no grant for gbt in " in err and "it is RUNNING" in err, err
    assert f"  quoin-cli -datadir={n.datadir} -chain=regtest plugin stop gbt\n" in err, err
    # Enabled again it is reloaded.
    code, out, err = tool("enable", "-reload", "gbt")
    equal((code, err), (0, ""))
    assert "has taken it up" in out
    assert running(n, "gbt")["pid"] != before["pid"]
    done(tool("disable", "gbt"))
    code, out, err = tool("disable", "-reload", "gbt")
    equal((code, err), (0, ""))
    assert "has no grant any more" in out and "has stopped it" in out, out
    equal(n.getplugininfo("gbt")["state"], "DISCOVERED")
    command = f"quoin-plugin -datadir={n.datadir} -chain=regtest enable {name}"
    expect_error(-1, f"{name}: found no grant, wanted one ({command})", n.plugin, "start", "gbt")
    expect_error(-32601, f"is not enabled: '{command}'", n.call, "gbt.nothing")
    code, out, err = tool("disable", "-reload", "gbt")
    assert code == 1 and "found no grant for gbt" in err and "it is" not in err, err
    done(tool("enable", "-reload", "gbt"))
    running(n, "gbt")
    n.stop()


def test_disabled_with_the_folder_of_its_grant(case):
    """Where the grant lies elsewhere, stopping the plugin would not be disabling it."""
    n, there = in_build_folder(case), os.path.join(case.dir, "grants")
    os.makedirs(there, mode=0o700)
    n.start("-plugingrants=" + there)
    tool = tool_of(n)
    plugin_file("gbt")
    done(tool("enable", "-reload", "-plugingrants=" + there, "gbt"))
    running(n, "gbt")
    for words in ("disable",), ("disable", "-reload"):
        code, out, err = tool(*words, "gbt")
        assert code == 1 and "found no grant for gbt in " in err and not out, (out, err)
        assert f"it has {there}/org.quoin.gbt.grant: give that folder as -plugingrants\n" in err, err
    equal(n.getplugininfo("gbt")["state"], "RUNNING")
    done(tool("disable", "-reload", "-plugingrants=" + there, "gbt"))
    equal(n.getplugininfo("gbt")["state"], "DISCOVERED")
    n.stop()


def test_an_update_that_fails_is_not_undone_by_half(case):
    """The old file is no more: with the old pin nothing could start, with the new one it is tried again."""
    n = case.node().start()
    tool, file = tool_of(n), os.path.join(case.dir, "new.so")
    shutil.copy(os.path.join(BUILD, "tests", "hostile", "unruly.so"), file)
    done(tool("enable", "-reload", "-grant=rpc.serve/1=prefix=good.", file))
    for bad, error in ("fail-init", 26), ("fail-start", 25):
        done(tool("enable", f"-config=what={bad}", file))
        with open(file + "~", "wb") as f, open(file, "rb") as old:
            f.write(old.read() + b"x")
        os.rename(file + "~", file)
        code, out, err = tool("pin", "-reload", ID)
        assert code == 1 and f"error code: -{error}" in err and "is again what it was" not in err, err
        assert f"the node that runs has not taken it up; {ID} is " in err, err
        assert "not put back: the file that it was for is no more" in err and f" pin -reload {ID}\n" in err, err
        equal(error == 26, "The old one runs on, from memory" in err and f" plugin stop {ID}\n" in err)
        with open(n.path("plugins.d", ID + ".grant")) as f, open(file, "rb") as now:
            assert hashlib.sha256(now.read()).hexdigest() in f.read()
    n.stop()


def test_what_was_taken_away_does_not_come_back_by_a_failure(case):
    """Whether the new one starts is up to the plugin; what it may do is not."""
    n = case.node().start()
    tool, file = tool_of(n), os.path.join(BUILD, "tests", "hostile", "unruly.so")

    def enable(what, window):
        return tool("enable", "-reload", "-grant=rpc.serve/1=prefix=good.", f"-grant=chain.follow/1=window={window}",
                    f"-config=what={what}", file)

    def granted():
        with open(n.path("plugins.d", ID + ".grant")) as f:
            return [line for line in f.read().split("\n") if line.startswith("chain.follow/1")]

    for bad, error in ("fail-init", 26), ("fail-start", 25):
        done(enable("nothing", 16))
        running(n, "plugin")
        code, out, err = enable(bad, 8)
        assert code == 1 and f"error code: -{error}" in err, err
        assert f"the node that runs has not taken it up; {ID} is " in err, err
        assert "not put back: it allowed more" in err and "is again what it was" not in err, err
        assert f" enable -reload -grant=INTERFACE=PARAMETERS {ID}\n" in err, err
        equal(granted(), ["chain.follow/1 = window=8"])
        if error == 26:
            equal(n.getplugininfo(ID)["state"], "RUNNING")
            assert f"  quoin-cli -datadir={n.datadir} -chain=regtest plugin stop {ID}\n" in err, err
        else:
            assert n.getplugininfo(ID)["state"] != "RUNNING"
    n.stop()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_server_that_cannot_move_is_down(case):
    """It is not put back where it may not listen any more, and is moved on by another grant."""
    n = in_build_folder(case).start()
    tool, was = tool_of(n), free_port()
    plugin_file("stratum")

    def at(port):
        return f"-grant=net.listen/1=127.0.0.1:{port}", f"-config=listen=127.0.0.1:{port}"

    done(tool("enable", "-reload", *at(was), "stratum"))
    running(n, "stratum")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = tool("enable", "-reload", *at(port), "stratum")
        assert code == 1 and "error code: -25" in err and "is again what it was" not in err, err
        assert "the node that runs has not taken it up; org.quoin.stratum is " in err, err
        assert "not put back: it allowed more" in err and "The old one runs on" not in err, err
        with open(n.path("plugins.d", "org.quoin.stratum.grant")) as f:
            assert f"net.listen/1 = 127.0.0.1:{port}\n" in f.read()
        done(tool("enable", "-reload", *at(was), "stratum"))
        running(n, "stratum")
        socket.create_connection(("127.0.0.1", was), 10).close()
        # One that never ran has nothing to go back to: how it is, and that the node runs.
        done(tool("disable", "-reload", "stratum"))
        code, out, err = tool("enable", "-reload", *at(taken.getsockname()[1]), "stratum")
        assert code == 1 and "the node that runs has not taken it up; org.quoin.stratum is " in err, err
        assert "; again in " in err and "disable org.quoin.stratum" in err, err
    n.stop()


def test_a_build_folder_finds_its_own_plugins(case):
    """Without an installation, and without being told where: quoin-plugin and the node alike."""
    n = in_build_folder(case)
    here = os.path.dirname(plugin_file("template-watch"))
    got = subprocess.run([program("quoin-plugin"), f"-datadir={n.datadir}", "-regtest", "--yes", "enable",
                          "template-watch"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    equal((got.returncode, got.stderr), (0, ""))
    n.start()
    found = {p["id"]: p["state"] for p in n.listplugins()}
    equal(found["org.quoin.indexer"], "DISCOVERED")
    running(n, "template-watch")
    equal(n.getplugininfo("template-watch")["file"], os.path.join(here, "template-watch.so"))
    assert "passed over" not in n.log(), n.log()
    n.stop()
