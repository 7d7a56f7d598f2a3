#!/usr/bin/env python3
"""Run functional tests against the programs just built.

usage: run.py [--short] [NAME ...]     NAME: part of a file's or a test's name
--short runs the tests marked with @short. Closes with `N passed, N failed`.
"""
import importlib.util
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import framework  # noqa: E402


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chosen(words, only_short):
    for file in sorted(f[:-3] for f in os.listdir(HERE) if f.startswith("test_") and f.endswith(".py")):
        module = load(file)
        for name, test in list(vars(module).items()):
            if not name.startswith("test_") or not callable(test):
                continue
            if only_short and not getattr(test, "short", False):
                continue
            if not words or any(w in f"{file}.{name}" for w in words):
                yield f"{file}.{name}", test


def run_one(test):
    """Why it failed, or None; and why it was skipped, or None."""
    case = framework.Case()
    why = None
    skipped = None
    try:
        test(case)
    except framework.Skip as e:
        skipped = str(e)
    except BaseException:  # noqa: B036: also SystemExit from a helper is a failure of the test
        why = traceback.format_exc()
    problems = case.close()
    if problems and why is None:
        why = "\n".join(problems)
    if why is None:
        case.remove()
    else:
        why += f"\nkept: {case.dir}"
    return why, skipped


def main():
    words = sys.argv[1:]
    only_short = "--short" in words
    words = [w for w in words if w != "--short"]
    passed = failed = left_out = 0
    for name, test in chosen(words, only_short):
        began = time.monotonic()
        why, skipped = run_one(test)
        end = "FAILED" if why else "skip" if skipped else "ok"
        passed, failed, left_out = passed + (end == "ok"), failed + (end == "FAILED"), left_out + (end == "skip")
        print(f"{end:6} {time.monotonic() - began:6.2f} s  {name}{': ' + skipped if skipped else ''}", flush=True)
        if why:
            print(why, flush=True)
    print(f"{passed} passed, {failed} failed" + (f", {left_out} skipped" if left_out else ""))
    sys.exit(failed > 0 or passed + left_out == 0)


if __name__ == "__main__":
    main()
