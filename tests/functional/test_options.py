"""Command line and configuration files."""
import os
import subprocess

from framework import equal, program


def short(test):
    test.short = True
    return test


def output(*args):
    got = subprocess.run([program("quoind"), *args], capture_output=True, text=True, timeout=60)
    return got.returncode, got.stdout, got.stderr


@short
def test_help_and_version(case):
    for flag in ("-help", "--help", "-h", "-?"):
        code, out, err = output(flag)
        equal((code, err), (0, ""))
        assert "-reindex" in out and "-rpcbind" in out and "which it finds by itself" in out
    assert "-checkblocks" not in output("-help")[1]
    assert "-checkblocks" in output("-help-debug")[1]
    code, out, err = output("-version")
    equal((code, err), (0, ""))
    assert out.startswith("Quoin daemon version v")


@short
def test_errors_are_alone_on_stderr(case):
    n = case.node()
    n.fails("Error parsing command line arguments: Invalid parameter -foo", "-foo")
    n.fails("Error parsing command line arguments: Invalid parameter --foo=1", "--foo=1")
    n.fails("Error parsing command line arguments: Negating of -datadir is meaningless and "
            "therefore forbidden", "-nodatadir")
    n.fails("Command line contains unexpected token 'stray', see quoind -h for a list of options.",
            "stray")
    n.fails("-ipcbind is not supported. There is no capnp interface: plugins take its place.",
            "-ipcbind=unix")
    n.fails("Prune configured below the minimum of 550 MiB.  Please use a higher number.", "-prune=100")
    n.fails("Unsupported logging category -debug=abc.", "-debug=abc")
    n.fails("Cannot set -bind or -whitebind together with -listen=0", "-bind=127.0.0.1", "-listen=0")
    n.fails("Specified blocks directory \"/nonexistent\" does not exist.", "-blocksdir=/nonexistent")
    equal(output("-datadir=/nonexistent"),
          (1, "", 'Error: Specified data directory "/nonexistent" does not exist.\n'))
    equal(output(f"-datadir={case.dir}", "-regtest", "-signet"),
          (1, "", "Error: Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. "
                  "Can use at most one.\n"))


def test_config_errors(case):
    n = case.node()
    for text, error in (("nono\n", "parse error on line 1: nono, if you intended to specify a negated "
                                   "option, use nono=1 instead"),
                        ("\n-dash=1\n", "parse error on line 2: -dash=1, options in configuration file "
                                        "must be specified without leading -"),
                        ("conf=x\n", "conf cannot be set in the configuration file; use includeconf= if "
                                     "you want to include additional config files"),
                        ("includeconf=none.conf\n", "Failed to include configuration file none.conf")):
        n.write_conf(text)
        n.fails(f"Error reading configuration file: {error}")


def test_sections_includes_and_unknown_keys(case):
    n = case.node()
    n.write_conf("regtest=1\nprinttoconsole=0\nuacomment=top\nunknownkey=1\nincludeconf=more.conf\n"
                 f"[regtest]\nlisten=0\nrpcport={n.rpc_port}\nuacomment=section\n[test]\nuacomment=wrong\n")
    n.write_conf("uacomment=more\n", "more.conf")
    n.start()
    log = n.log()
    assert "Ignoring unknown configuration value unknownkey" in log
    assert 'Config file arg: [regtest] uacomment="section"' in log
    subversion = n.getnetworkinfo()["subversion"]
    assert "section" in subversion and "top" in subversion and "more" in subversion, subversion
    assert "wrong" not in subversion


def test_network_only_options_need_their_section(case):
    n = case.node()
    n.write_conf("regtest=1\nrpcport=5\nport=6\n")
    n.spawn()
    equal(n.process.wait(30), 1)
    err = n.stderr()
    n.process = None
    assert "Config setting for -rpcport only applied on regtest network when in [regtest] section." in err
    assert "Config setting for -port only applied" in err


def test_quoin_conf_wins_over_bitcoin_conf(case):
    n = case.node()
    n.write_conf("uacomment=fromcore\n", "bitcoin.conf")
    n.start()
    assert "fromcore" not in n.getnetworkinfo()["subversion"]
    assert "quoin.conf and " in n.log() and "bitcoin.conf exist; only the first is read" in n.log()
    n.stop()
    os.rename(os.path.join(n.datadir, "quoin.conf"), os.path.join(n.datadir, "bitcoin.conf"))
    n.start()
    n.stop()


def test_everything_bitcoind_takes_is_accepted(case):
    """The options that Core's own test framework gives to every node."""
    n = case.node(conf="rpcservertimeout=99000\nrpcdoccheck=1\nrpcthreads=2\n"
                       "fallbackfee=0.0002\nserver=1\nkeypool=1\ndiscover=0\ndnsseed=0\n"
                       "fixedseeds=0\nlistenonion=0\npeertimeout=999999999\nnatpmp=0\n"
                       "shrinkdebugfile=0\nunsafesqlitesync=1\nconnect=0\nmaxconnections=94\npar=2\n"
                       "prevoutfetchthreads=1\n")
    n.start("-logtimemicros", "-debug", "-debugexclude=leveldb", "-debugexclude=rand",
            "-uacomment=testnode0", "-disablewallet", "-logthreadnames", "-logsourcelocations",
            "-loglevel=trace", "-nologratelimit", "-v2transport=1")
    for key, times in (("keypool", 1), ("dnsseed", 0)):
        equal(n.log().count(f"Option -{key} is accepted but has no effect"), times)


def test_other_chains_have_their_folders(case):
    for flag, folder in (("-testnet4", "testnet4"), ("-signet", "signet"), ("-chain=test", "testnet3"),
                         ("-chain=main", "")):
        n = case.node(name="n" + folder)
        n.write_conf("printtoconsole=0\n")
        n.chain_dir = os.path.join(n.datadir, folder) if folder else n.datadir
        n.start(flag, f"-rpcport={n.rpc_port}", "-connect=0")
        equal(n.getblockcount(), 0)
        n.stop()
        assert os.path.isdir(n.path("blocks", "index")) and os.path.isdir(n.path("chainstate"))
