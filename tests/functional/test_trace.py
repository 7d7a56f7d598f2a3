"""plugin trace: every call of an isolated plugin in the node's log, while it is asked for."""
import os
import signal
import subprocess
import time

from framework import BUILD, equal, expect_error, program, wait_until

ID = "org.quoin.test.check"


def with_plugin(case, mode):
    n = case.node().start()
    tool = [program("quoin-plugin"), f"-datadir={n.datadir}", "-regtest"]
    subprocess.run([*tool, "enable", "--yes", f"-mode={mode}", os.path.join(BUILD, "tests/check/GOOD.so")],
                   check=True, capture_output=True)
    with open(n.path("plugins.d", ID + ".grant"), "a") as f:
        f.write("[limits]\ncpu = normal\n")  # nobody else's work decides a test
    n.plugin("start", ID)
    equal(n.listplugins()[0]["state"], "RUNNING")
    return n, tool


def calls(n):
    return [x.split(": call ", 1)[1] for x in n.log().splitlines() if f"{ID}: call " in x]


def settled(n):
    wait_until("it has acknowledged", lambda: n.getplugininfo(ID)["lag_blocks"] == 0)


def test_each_call_is_logged_while_it_is_asked_for(case):
    n, _ = with_plugin(case, "isolated")
    n.generatetodescriptor(2, "raw(51)")
    settled(n)
    equal(calls(n), [])
    equal(n.plugin("trace", "check", "on"), {"id": ID, "state": "RUNNING"})
    n.generatetodescriptor(1, "raw(51)")
    settled(n)
    equal(n.call("check.status"), {"coins": 7})
    n.plugin("trace", "check", "off")
    got = calls(n)
    assert any(x.startswith("chain.follow/1 next(follow=") for x in got), got
    assert any(x.startswith("chain.follow/1 ack(follow=") and x.endswith("seq=4)") for x in got), got
    reply = [x for x in got if x.startswith("rpc.serve/1 reply(request=")]
    equal([x.split(", ", 1)[1] for x in reply], ['result="{"coins":7}") = QN_OK (0)'])
    # Off: nothing more.
    n.generatetodescriptor(1, "raw(51)")
    settled(n)
    equal(len(calls(n)), len(got))
    expect_error(-1, "wanted on or off", n.plugin, "trace", "check", "yes")
    expect_error(-8, "no value given", n.plugin, "trace", "check")


def test_the_calls_of_a_start_have_their_arguments(case):
    """A trace outlives a reload: so a life can be seen from its beginning."""
    n, _ = with_plugin(case, "isolated")
    n.plugin("trace", "check", "on")
    n.plugin("reload", "check")
    wait_until("its start", lambda: any("rpc.serve/1 add(" in x for x in calls(n)))
    got = calls(n)
    add = next(x for x in got if x.startswith("rpc.serve/1 add("))
    assert 'name="check.status"' in add and "handler=" in add and "= QN_OK (0)" in add, add
    opened = next(x for x in got if x.startswith("chain.follow/1 open("))
    assert "-> follow=" in opened and "window=16" in opened, opened


def test_it_is_bounded(case):
    n, _ = with_plugin(case, "isolated")
    began = time.monotonic()
    n.plugin("trace", "check", "on")
    n.generatetodescriptor(1000, "raw(51)")
    settled(n)
    time.sleep(0.1) # of the bound's refill
    n.call("check.status")
    may = 200 * (time.monotonic() - began + 1)
    got = calls(n)
    assert any("too many to show" in x for x in got), len(got)
    assert len([x for x in got if "too many" not in x]) <= may, (len(got), may)


def test_a_trusted_one_cannot_be_seen(case):
    n, _ = with_plugin(case, "trusted")
    expect_error(-1, "it is trusted", n.plugin, "trace", "check", "on")


def test_the_tool_turns_it_on_and_off(case):
    n, tool = with_plugin(case, "isolated")
    with open(n.path("trace.txt"), "w+") as out:
        p = subprocess.Popen([*tool, "trace", "check"], stdout=out, stderr=subprocess.STDOUT)

        def shown():
            n.call("check.status")
            with open(n.path("trace.txt")) as f:
                return "rpc.serve/1 reply(request=" in f.read()
        wait_until("a call is shown", shown)
        p.send_signal(signal.SIGINT)
        equal(p.wait(20), 0)
    before = len(calls(n))
    n.call("check.status")
    equal(len(calls(n)), before)
    got = subprocess.run([*tool, "trace", "check", "-timeout=1"], capture_output=True, text=True)
    equal((got.returncode, got.stdout, got.stderr), (0, "", ""))
    got = subprocess.run([*tool, "trace", "nobody"], capture_output=True, text=True)
    equal(got.returncode, 1)
    assert "Plugin not found" in got.stderr, got.stderr


test_each_call_is_logged_while_it_is_asked_for.short = True
test_the_tool_turns_it_on_and_off.short = True
