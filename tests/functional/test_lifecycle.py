"""Start, warm-up, stop, crash, restart; files that come and go."""
import os
import shutil
import signal
import subprocess
import time

from framework import equal, expect_error, free_port, program, wait_until


def short(test):
    test.short = True
    return test


@short
def test_files_of_a_running_node(case):
    n = case.node().start()
    for name in (".cookie", ".lock", "debug.log", "bitcoind.pid"):
        assert os.path.isfile(n.path(name)), name
    with open(n.path("bitcoind.pid")) as f:
        equal(int(f.read()), n.process.pid)
    equal(os.listdir(n.path("wallets")), [])
    folders = {e for e in os.listdir(n.chain_dir) if os.path.isdir(n.path(e))}
    equal(folders, {"blocks", "chainstate", "wallets"})
    n.stop()
    assert not os.path.exists(n.path("bitcoind.pid")) and not os.path.exists(n.path(".cookie"))
    assert n.log().endswith("Shutdown done\n")


@short
def test_folder_is_locked(case):
    n = case.node().start()
    other = case.node(name="other")
    other.datadir = n.datadir
    other.fails(f"Cannot obtain a lock on directory {n.chain_dir}. Quoin is probably already running.",
                f"-rpcport={free_port()}")
    equal(n.getblockcount(), 0)


def test_signals(case):
    n = case.node().start()
    for sig in (signal.SIGTERM, signal.SIGINT):
        n.process.send_signal(sig)
        n.wait_exit()
        n.start()
    os.rename(n.path("debug.log"), n.path("old.log"))
    n.process.send_signal(signal.SIGHUP)

    def reopened():
        n.generatetodescriptor(1, "raw(51)")  # a line in the log
        return os.path.exists(n.path("debug.log"))
    wait_until("log reopened", reopened)


def test_chain_survives_stop_and_kill(case):
    n = case.node().start()
    first = n.generatetodescriptor(20, "raw(51)")
    n.restart()
    equal((n.getblockcount(), n.getbestblockhash()), (20, first[-1]))
    n.generatetodescriptor(5, "raw(51)")
    n.kill()
    assert os.path.exists(n.path(".cookie"))
    n.start()
    assert n.getblockcount() >= 20
    equal(n.getblockhash(20), first[-1])


def test_reindex_and_loadblock(case):
    n = case.node().start()
    n.generatetodescriptor(30, "raw(51)")
    want = n.call("gettxoutsetinfo", "muhash")["muhash"]
    for flag in ("-reindex", "-reindex-chainstate"):
        n.restart(flag)
        equal((n.getblockcount(), n.call("gettxoutsetinfo", "muhash")["muhash"]), (30, want))
    n.stop()
    other = case.node(name="other")
    source = n.path("blocks", "blk00000.dat")
    with open(n.path("blocks", "xor.dat"), "rb") as f:
        key = f.read()
    with open(source, "rb") as f:
        data = f.read()
    plain = os.path.join(case.dir, "plain.dat")
    with open(plain, "wb") as f:
        f.write(bytes(b ^ key[i % 8] for i, b in enumerate(data)))
    other.start(f"-loadblock={plain}")
    equal((other.getblockcount(), other.call("gettxoutsetinfo", "muhash")["muhash"]), (30, want))
    other.restart("-loadblock=/nonexistent")
    assert "Could not open blocks file /nonexistent" in other.log()


def remove_databases(n):
    for folder in (n.path("blocks", "index"), n.path("chainstate")):
        shutil.rmtree(folder, ignore_errors=True)


@short
def test_block_files_without_databases(case):
    n = case.node().start()
    n.generatetodescriptor(60, "raw(51)")
    want = n.call("gettxoutsetinfo", "muhash")["muhash"]
    n.stop()
    remove_databases(n)
    n.start()
    equal((n.getblockcount(), n.call("gettxoutsetinfo", "muhash")["muhash"]), (60, want))
    assert "Block index and chainstate are empty, but there are blocks in " + n.path("blocks") in n.log()
    n.stop()
    # Killed on the way, it goes on by itself.
    remove_databases(n)
    for wait in (0.02, 0.05, 0.08, 0.12):
        n.spawn()
        time.sleep(wait)
        n.kill()
    n.start()
    equal((n.getblockcount(), n.call("gettxoutsetinfo", "muhash")["muhash"]), (60, want))


def test_block_files_of_another_chain(case):
    n = case.node().start()
    n.generatetodescriptor(3, "raw(51)")
    n.stop()
    remove_databases(n)
    file = n.path("blocks", "blk00000.dat")
    with open(n.path("blocks", "xor.dat"), "rb") as f:
        key = f.read()
    with open(file, "r+b") as f:
        f.write(bytes(b ^ key[i] for i, b in enumerate(bytes.fromhex("f9beb4d9"))))
    with open(file, "rb") as f:
        before = f.read()
    for flags in ([], ["-reindex"]):
        n.fails(f"{file}, offset 0: found the magic bytes f9beb4d9 (main), wanted fabfb5da (regtest). "
                "Wrong datadir for network?", *flags)
    with open(file, "rb") as f:
        equal(f.read(), before)


def test_stop_at_height_and_after_import(case):
    n = case.node().start()
    n.generatetodescriptor(30, "raw(51)")
    n.stop()
    n.spawn("-reindex", "-stopatheight=12")
    n.wait_exit()
    assert "Stopping at height 12" in n.log()
    n.start()
    equal(n.getblockcount(), 30)
    n.stop()
    n.spawn("-stopafterblockimport")
    n.wait_exit()


def test_warm_up_answers_with_phase(case):
    """A slow start: a database check of every block on a chain of some length."""
    n = case.node().start()
    n.generatetodescriptor(400, "raw(51)")
    n.stop()
    n.spawn("-checkblocks=0", "-checklevel=4")
    seen = set()

    def poll():
        try:
            status, _, data = n.post({"method": "getblockcount", "id": 1})
        except OSError:
            return False
        if status == 200:
            return True
        seen.add(data.decode())
        return False
    wait_until("ready", poll)
    for answer in seen:
        assert '"code":-28' in answer or "401" in answer or not answer, answer
    log = n.log()
    at = log.rindex("init message: Loading block index…")
    assert at < log.rindex("init message: Verifying blocks…") < log.rindex("init message: Done loading")


@short
def test_a_signal_during_a_long_start_is_heard_at_once(case):
    n = case.node().start()
    n.generatetodescriptor(4000, "raw(51)")
    best = n.getbestblockhash()
    n.stop()
    heard = 0
    for turn in range(5):
        before = len(n.log())
        n.spawn("-checkblocks=0", "-checklevel=4")
        wait_until("verification", lambda: "Verifying blocks…" in n.log()[before:] or n.process.poll() is not None)
        n.process.send_signal(signal.SIGTERM)
        n.wait_exit()
        log = n.log()[before:]
        assert log.endswith("Shutdown done\n"), log
        heard += "Shutdown requested. Exiting." in log and "Done loading" not in log
        assert not os.path.exists(n.path("bitcoind.pid")) and not os.path.exists(n.path(".cookie"))
    assert heard >= 3, f"heard in {heard} of 5 starts"
    n.start()
    equal(n.getbestblockhash(), best)


def test_notify_commands(case):
    def file(name):
        return os.path.join(case.dir, name)
    n = case.node()
    n.start(f"-startupnotify=echo up > {file('up')}", f"-shutdownnotify=echo down > {file('down')}",
            f"-shutdownnotify=echo twice > {file('twice')}", f"-blocknotify=echo %s >> {file('blocks')}")
    wait_until("startupnotify", lambda: os.path.exists(file("up")))
    hashes = n.generatetodescriptor(3, "raw(51)")

    def seen():
        try:
            with open(file("blocks")) as f:
                return sorted(f.read().split()) == sorted(hashes)
        except FileNotFoundError:
            return False
    wait_until("blocknotify", seen)
    n.stop()
    assert os.path.exists(file("down")) and os.path.exists(file("twice"))


def test_daemonwait_returns_when_ready(case):
    n = case.node()
    got = subprocess.run([program("quoind"), f"-datadir={n.datadir}", "-daemonwait"],
                         capture_output=True, text=True, timeout=60)
    equal((got.returncode, got.stdout, got.stderr), (0, "Quoin starting\n", ""))
    equal(n.getblockcount(), 0)
    with open(n.path("bitcoind.pid")) as f:
        pid = int(f.read())
    n.call("stop")

    def gone():
        return not os.path.exists(n.path("bitcoind.pid"))
    wait_until("daemon gone", gone)
    wait_until("process gone", lambda: not alive(pid))
    got = subprocess.run([program("quoind"), f"-datadir={n.datadir}", "-daemonwait", "-rpcauth=bad"],
                         capture_output=True, text=True, timeout=60)
    complaint = "Error during initialization - check debug.log for details\n"
    assert got.returncode == 1 and got.stderr.endswith(complaint), got
    assert got.stderr.startswith("Error: ") and len(got.stderr) > len(complaint) + 10, got
    # Late: a database that is none.
    os.rename(n.path("chainstate", "CURRENT"), n.path("chainstate", "OTHER"))
    with open(n.path("chainstate", "CURRENT"), "w") as f:
        f.write("nothing\n")
    got = subprocess.run([program("quoind"), f"-datadir={n.datadir}", "-daemonwait"],
                         capture_output=True, text=True, timeout=60)
    assert got.returncode == 1 and got.stderr.endswith(complaint), got
    assert got.stderr.startswith("Error opening coins database: "), got


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_mock_time_and_scheduler(case):
    n = case.node().start("-mocktime=1700000000")
    block = n.getblockheader(n.generatetodescriptor(1, "raw(51)")[0])
    equal(block["time"], 1700000000)
    n.setmocktime(1700001000)
    equal(n.getblockheader(n.generatetodescriptor(1, "raw(51)")[0])["time"], 1700001000)
    assert "(mocktime: 2023-11-14T22:30:00Z)" in n.log()
    n.mockscheduler(60)
    fees = n.path("fee_estimates.dat")
    assert not os.path.exists(fees)
    n.mockscheduler(3600)
    wait_until("the estimates are written each hour", lambda: os.path.exists(fees))
    expect_error(-1, "delta_time must be between 1 and 3600 seconds", n.mockscheduler, 0)
    expect_error(-8, "Mocktime must be in the range [0, 4294967295], not -1.", n.setmocktime, -1)
    assert n.uptime() < 1000


def test_log_options(case):
    n = case.node().start("-logtimemicros", "-logthreadnames", "-debug=rpc", "-loglevelalways")
    n.getblockcount()
    log = n.log()
    assert "[rpc:debug] ThreadRPCServer method=getblockcount user=__cookie__" in log
    equal(n.logging()["rpc"], True)
    n.call("logging", [], ["rpc"])
    size = len(n.log())
    n.getblockcount()
    assert "method=getblockcount" not in n.log()[size:]
    n.restart("-nodebuglogfile")
    size = os.path.getsize(n.path("debug.log"))
    n.getblockcount()
    equal(os.path.getsize(n.path("debug.log")), size)
    n.stop()
    with open(n.path("debug.log"), "ab") as f:
        f.write(b"x" * 99 + b"\n" * 1)
        for _ in range(120):
            f.write((b"y" * 999 + b"\n") * 100)
    n.start()
    assert os.path.getsize(n.path("debug.log")) < 10100000
    began = time.monotonic()
    n.stop()
    assert time.monotonic() - began < 30
