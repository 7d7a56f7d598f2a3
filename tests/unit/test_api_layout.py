#!/usr/bin/env python3
"""The generated interface files are up to date, and the layout rule catches what must not happen."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(os.environ.get("top_srcdir", pathlib.Path(__file__).resolve().parents[2])).resolve()
GENERATE = TOP / "api" / "generate.py"


def run(*args) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-B", str(GENERATE), *map(str, args)], capture_output=True, text=True)


class Layout(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.source = pathlib.Path(self.tmp.name) / "source"
        shutil.copytree(TOP / "api" / "interfaces", self.source / "api" / "interfaces")
        self.out = pathlib.Path(self.tmp.name) / "out"

    def tearDown(self):
        self.tmp.cleanup()

    def change(self, name: str, old: str, new: str) -> None:
        path = self.source / "api" / "interfaces" / name
        text = path.read_text()
        self.assertEqual(text.count(old), 1, f"'{old}' in {name}")
        path.write_text(text.replace(old, new))

    def prefix(self) -> subprocess.CompletedProcess:
        made = run("--source", self.source, "--out", self.out)
        self.assertEqual(made.returncode, 0, made.stderr)
        return run("--prefix", TOP / "api" / "layout", self.out / "api" / "layout")

    def refused(self, word: str) -> None:
        got = run("--source", self.source, "--out", self.out)
        self.assertEqual(got.returncode, 1, "it was taken")
        self.assertIn(word, got.stderr)

    def caught(self, name: str, old: str, new: str, word: str) -> None:
        self.change(name, old, new)
        got = self.prefix()
        self.assertEqual(got.returncode, 1, "the change was not seen")
        self.assertIn(word, got.stdout)

    def test_checked_in_output__is_what_the_interfaces_say(self):
        got = run("--check")
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)

    def test_released_layouts__are_prefixes_of_todays(self):
        folders = sorted((TOP / "tests" / "abi").glob("*/layout"))
        self.assertTrue(folders)
        for folder in folders:
            got = run("--prefix", folder, TOP / "api" / "layout")
            self.assertEqual(got.returncode, 0, got.stdout)

    def test_prefix__unchanged_interfaces_pass(self):
        self.assertEqual(self.prefix().returncode, 0)

    def test_prefix__an_appended_method_passes(self):
        path = self.source / "api" / "interfaces" / "chain.follow.toml"
        path.write_text(path.read_text() + '\n[[method]]\nname = "peek"\nsince = 2\ndoc = "Later."\nparams = []\n')
        self.assertEqual(self.prefix().returncode, 0)
        text = (self.out / "api" / "quoin" / "chain_follow.h").read_text()
        self.assertIn("typedef qn_chain_follow_1_r2 qn_chain_follow_1;", text)
        self.assertIn("} qn_chain_follow_1_r1;", text)

    def test_prefix__a_reordered_method_is_caught(self):
        path = self.source / "api" / "interfaces" / "chain.follow.toml"
        parts = path.read_text().split("[[method]]")
        parts[2], parts[3] = parts[3], parts[2]
        path.write_text("[[method]]".join(parts))
        got = self.prefix()
        self.assertEqual(got.returncode, 1)
        self.assertIn("16 next", got.stdout)

    def test_prefix__a_removed_method_is_caught(self):
        path = self.source / "api" / "interfaces" / "rpc.serve.toml"
        parts = path.read_text().split("[[method]]")
        path.write_text("[[method]]".join(parts[:2] + parts[3:]))
        got = self.prefix()
        self.assertEqual(got.returncode, 1)
        self.assertIn("remove", got.stdout)

    def test_prefix__a_retyped_parameter_is_caught(self):
        self.caught("chain.follow.toml", '["u64", "seq", "of an event that was delivered"]',
                    '["u32", "seq", "of an event that was delivered"]', "24 ack")

    def test_prefix__a_renamed_method_is_caught(self):
        self.caught("chain.follow.toml", 'name = "ack"', 'name = "acknowledge"', "24 ack")

    def test_prefix__a_renamed_member_is_caught(self):
        self.caught("chain.follow.toml", '"chain_seq"', '"chain_no"', "chain_seq")

    def test_prefix__a_changed_status_value_is_caught(self):
        self.caught("types.toml", "value = -23", "value = -33", "QN_E_CANCELED")

    def test_prefix__a_changed_flag_is_caught(self):
        self.caught("chain.follow.toml", '["PIN", 4', '["PIN", 8', "QN_FOLLOW_PIN")

    def test_prefix__a_vanished_interface_is_caught(self):
        made = run("--source", self.source, "--out", self.out)
        self.assertEqual(made.returncode, 0)
        (self.out / "api" / "layout" / "store.own-1.txt").unlink()
        got = run("--prefix", TOP / "api" / "layout", self.out / "api" / "layout")
        self.assertEqual(got.returncode, 1)

    def test_prefix__a_reordered_member_is_caught(self):
        path = self.source / "api" / "interfaces" / "chain.follow.toml"
        text = path.read_text()
        a, b = '  ["u32", "type", "QN_EV_*"],\n', '  ["u32", "flags", "QN_EVF_*"],\n'
        self.assertIn(a + b, text)
        path.write_text(text.replace(a + b, b + a))
        got = self.prefix()
        self.assertEqual(got.returncode, 1)
        self.assertIn("qn_follow_event 4", got.stdout)

    def test_prefix__a_removed_member_is_caught(self):
        path = self.source / "api" / "interfaces" / "chain.follow.toml"
        text = path.read_text()
        gone = '  ["u32", "flags", "QN_EVF_*"],\n  ["u32", "lag", "blocks still to come up to the durable tip"],\n'
        self.assertIn(gone, text)
        path.write_text(text.replace(gone, ""))
        got = self.prefix()
        self.assertEqual(got.returncode, 1)
        self.assertIn("qn_follow_event 8 flags", got.stdout)

    def test_prefix__a_retyped_member_is_caught(self):
        self.caught("chain.follow.toml", '["u32", "lag",', '["i32", "lag",', "12 lag uint32_t")

    def test_prefix__a_retyped_callback_is_caught(self):
        self.caught("chain.follow.toml", 'params = [["u64", "follow", "the subscription"]]\n\n[[method]]',
                    'params = [["u32", "follow", "the subscription"]]\n\n[[method]]', "qn_follow_ready_fn")

    def test_model__a_frozen_struct_cannot_grow(self):
        self.change("types.toml", '["u32", "height", "0 is the genesis block"]]',
                    '["u32", "height", ""], ["u32", "time", "", 2]]')
        self.refused("frozen")

    def test_model__a_pointer_in_shared_data_is_refused(self):
        self.change("chain.follow.toml", '["u32", "lag",', '["void", "lag",')
        self.refused("may not lie in shared data")

    def test_model__a_hole_is_refused(self):
        self.change("chain.follow.toml", '  ["u32", "reserved", "0"],\n', '  ["u64", "reserved", "0"],\n')
        self.refused("hole")

    def test_model__a_struct_that_crosses_begins_with_its_size(self):
        self.change("chain.follow.toml", '["u32", "size", "bytes filled in"]', '["u32", "length", ""]')
        self.refused("first member is u32 size")

    def test_model__a_descriptor_in_a_method_is_refused(self):
        self.change("chain.follow.toml", '["u64", "seq", "of an event that was delivered"]',
                    '["fd", "seq", "of an event that was delivered"]')
        self.refused("handed over in a callback only")

    def test_model__an_unknown_kind_of_grant_is_refused(self):
        self.change("store.own.toml", '["quota", "bytes"', '["quota", "sizes"')
        self.refused("grant quota: type is one of")


class Trial(unittest.TestCase):
    """What is on trial: its number, its header, and the three releases of tests/abi."""

    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.tmp.name)

    def tearDown(self):
        self.tmp.cleanup()

    def text(self, n: int) -> str:
        return (TOP / "tests" / "abi" / f"trial-{n}.toml").read_text()

    def make(self, name: str, text: str) -> pathlib.Path:
        toml, out = self.dir / "trial.toml", self.dir / name
        toml.write_text(text)
        got = run("--source", TOP, "--out", out, "--add", toml)
        self.assertEqual(got.returncode, 0, got.stderr)
        return out / "api"

    def refused(self, text: str, word: str) -> None:
        toml = self.dir / "trial.toml"
        toml.write_text(text)
        got = run("--source", TOP, "--out", self.dir / "no", "--add", toml)
        self.assertEqual(got.returncode, 1, "it was taken")
        self.assertIn(word, got.stderr)

    def prefix(self, old: pathlib.Path, new: pathlib.Path) -> subprocess.CompletedProcess:
        return run("--prefix", old / "layout", new / "layout")

    def compiles(self, api: pathlib.Path, source: str) -> subprocess.CompletedProcess:
        command = [*os.environ.get("CC", "cc").split(), "-std=c11", "-fsyntax-only", f"-I{api}", "-xc", "-"]
        return subprocess.run(command, input=source, capture_output=True, text=True)

    def test_trial__promotion_keeps_every_text_that_is_still_served(self):
        one, two, three = (self.make(f"r{n}", self.text(n)) for n in (1, 2, 3))
        for old, new in ((one, two), (two, three), (one, three)):
            got = self.prefix(old, new)
            self.assertEqual(got.returncode, 0, got.stdout)
        self.assertFalse((three / "layout" / "test.trial.unstable-1.txt").exists())

    def test_trial__a_changed_number_is_caught(self):
        one = self.make("r1", self.text(1))
        for was, now in (('"thrice"', '"treble"'), ('["u32", "x", "a number"], ["out u32", "y", "3 x"]',
                                                    '["u64", "x", "a number"], ["out u32", "y", "3 x"]')):
            got = self.prefix(one, self.make("other", self.text(1).replace(was, now)))
            self.assertEqual(got.returncode, 1, was)
            self.assertIn("test.trial.unstable-1.txt: released layout changed", got.stdout)

    def test_trial__a_method_more_in_a_number_is_caught(self):
        one = self.make("r1", self.text(1))
        more = self.text(1) + '\n[[method]]\nname = "more"\nunstable = 1\ndoc = "More."\nparams = []\n'
        self.assertEqual(self.prefix(one, self.make("other", more)).returncode, 1)

    def test_trial__the_header_must_be_allowed(self):
        api = self.make("r1", self.text(1))
        include = '#include "quoin/test_trial_unstable.h"\n'
        got = self.compiles(api, include)
        self.assertNotEqual(got.returncode, 0)
        self.assertIn("define QN_ALLOW_UNSTABLE to use it", got.stderr)
        self.assertEqual(self.compiles(api, "#define QN_ALLOW_UNSTABLE\n" + include).returncode, 0)

    def test_trial__a_longer_stable_table_does_not_compile_with_the_old_number(self):
        api = self.make("r1", self.text(1))
        path = api / "quoin" / "test_trial.h"
        text = path.read_text()
        newest = "typedef qn_test_trial_1_r1 qn_test_trial_1;"
        self.assertIn(newest, text)
        path.write_text(text.replace(newest, "typedef struct { qn_test_trial_1_r1 r1; void (*more)(void); } qn_test_trial_1;"))
        got = self.compiles(api, '#define QN_ALLOW_UNSTABLE\n#include "quoin/test_trial_unstable.h"\n')
        self.assertNotEqual(got.returncode, 0)
        self.assertIn("qn_size_of_qn_test_trial_1", got.stderr)

    def test_trial__growing_the_stable_table_cuts_a_number(self):
        grown = self.text(1).replace('name = "twice"\nunstable = 1', 'name = "twice"\nsince = 2\nunstable = 1')
        self.refused(grown, "growing it cuts unstable/2")

    def test_trial__an_old_number_says_when_it_ends(self):
        self.refused(self.text(2).replace('last = "2"\n', ""), "names its last release")

    def test_trial__a_pair_has_a_method_of_its_own(self):
        self.refused(self.text(1).replace("unstable = 1", "since = 1"), "has no method of its own")

    def test_trial__what_is_in_no_pair_is_refused(self):
        self.refused(self.text(1).split("[[unstable]]")[0], "in no stable revision and no unstable pair")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=1)
