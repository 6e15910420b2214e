"""Runs every command with hostile files: no panic, bounded memory and time, and damage is never accepted as whole.

usage: campaign.py CAPTURE [--runs N | --seconds S] [--seed N] [--jobs N] [--patience X] [--only COMMAND] [--mutant N] [--keep DIR]

The commands of the binary CAPTURE get mutants of captures, exports and bundles as input. A mutant depends only on
the seed and its number. One fifth of the mutants have damage that the checksums show. The others are changed inside
and get correct checksums again (`_gcap.py`), so that they reach the code after the checks. For each run, this must
hold:

- the command ends by itself, with a documented exit code, and without the word `panicked`;
- it uses at most 300 MB of memory and 5 s (a run that took longer is repeated alone before it counts as slow);
- its output is in proportion to the input, text has no control characters, JSON can be parsed, and XML is
  well-formed;
- damage is not accepted as whole: `verify` and commands that read the whole file do not exit with 0; if the
  checksums are correct but one part contradicts another, `verify` does not exit with 0;
- a capture that a command wrote is whole if the command exited with 0, and whole or unfinished if it exited with 3.

The input of a failed run is kept in DIR, with the command that reproduces the failure. The last line counts runs: `N
passed, N failed`.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
import xml.etree.ElementTree

import _mutate
import _runs
import _seeds

# Commands that each mutant is given to, beside `verify`.
COMMANDS_A_MUTANT = 4
# A worker of the campaign itself may take so much.
MOST_OF_OURS = 2 << 30
# Failures that are printed in full; the rest is counted.
SHOWN = 40


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("capture")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--patience", type=float, default=1, help="times the 5 s: for a debug build")
    parser.add_argument("--only", help="only commands whose name begins so")
    parser.add_argument("--mutant", type=int, help="only this mutant, with every command")
    parser.add_argument("--keep", help="folder for what failed")
    args = parser.parse_args()
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1 << 32)
    if not args.runs and not args.seconds:
        args.runs = 20_000
    warnings.simplefilter("ignore")
    args.capture = os.path.abspath(args.capture)
    args.keep = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="capture-hostile-"))
    args.keep.mkdir(parents=True, exist_ok=True)
    print(f"seed {args.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seeds, results = work(args, pathlib.Path(folder))
        failures = confirm(args, [failure for result in results for failure in result["failures"]], folder)
        seeds.end()
    counts = {}
    most_rss, slowest = (max(tuple(result[most]) for result in results) for most in ("rss_mb", "wall_s"))
    for result in results:
        for name, count in result["counts"].items():
            counts[name] = counts.get(name, 0) + count
    runs, mutants = sum(counts.values()), sum(result["mutants"] for result in results)
    for failure in failures[:SHOWN]:
        print(f"FAILED {failure['name']}: {failure['why']}\n  mutant {failure['mutant']}: {failure['how'][:200]}\n  {failure['shows']}")
    if len(failures) > SHOWN:
        print(f"… and {len(failures) - SHOWN} more")
    by_kind = {}
    for failure in failures:
        key = (failure["why"].split(":")[0], failure["name"])
        by_kind[key] = by_kind.get(key, 0) + 1
    for (why, name), count in sorted(by_kind.items(), key=lambda item: -item[1]):
        print(f"{count:6} × {why} ({name})")
    least = min(counts.items(), key=lambda item: item[1]) if counts else ("nothing", 0)
    print(f"{mutants} mutants, {len(counts)} commands (each at least {least[1]} times), {time.monotonic() - began:.0f} s")
    print(f"largest: {most_rss[0]:.0f} MB, {most_rss[1]}; slowest: {slowest[0]:.1f} s, {slowest[1]}")
    print(f"{runs - len(failures)} passed, {len(failures)} failed")
    if not failures:
        shutil.rmtree(args.keep, ignore_errors=True)
    return 1 if failures or not runs else 0


def work(args, folder):
    """The seeds, whose servers still run, and what the workers found: each is a process, and its result comes back in a file."""
    jobs = 1 if args.mutant is not None else max(1, args.jobs)
    # Before the seeds are read: a runner must stay small.
    runners = [_runs.Runner() for _ in range(jobs)]
    seeds = _seeds.Seeds(args.capture, pathlib.Path(__file__).parents[2], folder)
    workers = []
    for number in range(jobs):
        pid = os.fork()
        if not pid:
            code = 1
            try:
                place = folder / f"worker-{number}"
                place.mkdir()
                resource.setrlimit(resource.RLIMIT_AS, (MOST_OF_OURS, MOST_OF_OURS))
                result = worker(args, seeds, place, number, jobs, runners[number])
                (folder / f"result-{number}").write_text(json.dumps(result))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        workers.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers]
    for runner in runners:
        runner.end()
    assert not any(codes), f"a worker of the campaign ended with {codes}"
    return seeds, [json.loads((folder / f"result-{number}").read_text()) for number in range(jobs)]


def worker(args, seeds, folder, number, jobs, runner):
    result = {"counts": {}, "failures": [], "mutants": 0, "rss_mb": (0, ""), "wall_s": (0, "")}
    end = time.monotonic() + args.seconds if args.seconds else None
    runs, at = 0, args.mutant if args.mutant is not None else number
    while (end is None or time.monotonic() < end) and (not args.runs or runs * jobs < args.runs):
        rng = random.Random(f"{args.seed}:{at}")
        mutant = _mutate.mutant(rng, seeds)
        result["mutants"] += 1
        for failure, name, ran in attempts(args, rng, mutant, folder, seeds, runner):
            runs += 1
            result["counts"][name] = result["counts"].get(name, 0) + 1
            which = f"{name} of mutant {at}"
            result["rss_mb"] = max(result["rss_mb"], (ran.rss_mb, which))
            result["wall_s"] = max(result["wall_s"], (ran.wall_s, f"{which}, {ran.cpu_s:.1f} s of them computing"))
            if failure:
                kept = args.keep / f"{args.seed}-{at}.{mutant.form if mutant.form != 'capture' else 'gcap'}"
                kept.write_bytes(mutant.data)
                shows = " ".join(str(kept) if arg == path_of(folder, mutant) else arg for arg in failure.pop("args"))
                result["failures"].append(dict(failure, mutant=at, how=f"{mutant.seed}, {mutant.how}", shows=shows))
        at += jobs
        if args.mutant is not None:
            break
    return result


def path_of(folder, mutant):
    return f"{folder}/mutant.{'gcap' if mutant.form == 'capture' else mutant.form}"


def attempts(args, rng, mutant, folder, seeds, runner):
    """(failure or None, the command's name, how it ran) of each command that the mutant is given to."""
    path = path_of(folder, mutant)
    pathlib.Path(path).write_bytes(mutant.data)
    found = _runs.commands(rng, args.capture, mutant, path, folder, seeds)
    if args.mutant is None and mutant.form == "capture":
        first = [command for command in found if command.name.startswith("verify")][rng.randrange(2)]
        rest = [command for command in found if not command.name.startswith("verify")]
        found = [first, *rng.sample(rest, COMMANDS_A_MUTANT)]
    for command in found:
        if args.only and not command.name.startswith(args.only):
            continue
        clean(folder, mutant)
        ran = runner.run(command.args, folder, _runs.HANGS_S * args.patience, command.serves)
        why = judge(args, command, mutant, ran, folder, runner)
        yield why and {"why": why, "name": command.name, "args": command.args}, command.name, ran


def clean(folder, mutant):
    """Nothing of the run before is left: an output that stands there was made by this one."""
    for entry in pathlib.Path(folder).iterdir():
        if str(entry) == path_of(folder, mutant):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def judge(args, command, mutant, ran, folder, runner):
    """Why the run is a failure; None when it is none."""
    if b"panicked" in ran.err or b"panicked" in ran.out or ran.code == 101:
        return "panic: " + first_line(ran.err, b"panicked")
    if ran.wall_s >= _runs.HANGS_S * args.patience:
        return f"hangs: killed after {ran.wall_s:.1f} s"
    if ran.signal:
        return f"signal: {ran.signal}, {first_line(ran.err)}"
    if ran.code not in _runs.CODES and not (command.may_miss and ran.code == 2):
        return f"exit code: {ran.code}, {first_line(ran.err)}"
    if ran.rss_mb > _runs.MOST_RSS_MB:
        return f"memory: {ran.rss_mb:.0f} MB"
    if ran.wall_s > _runs.MOST_WALL_S * args.patience:
        return f"slow: {ran.wall_s:.1f} s, {ran.cpu_s:.1f} s of them computing"
    if ran.code == 0 and mutant.damaged and command.reads_all and not (mutant.index_only and command.name[:6] != "verify"):
        return "damage is taken as whole: exit code 0"
    if ran.code == 0 and mutant.contradicts and command.name.startswith("verify"):
        return "a contradiction is taken as whole: exit code 0"
    return outputs(command, ran, args.capture, folder, runner) or printed(command, ran, folder)


def outputs(command, ran, binary, folder, runner):
    """What is wrong with the files that a command wrote."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if os.path.islink(path):
                return f"a link was made: {name}"
            if os.path.getsize(path) > _runs.MOST_OUTPUT:
                return f"output out of proportion: {os.path.getsize(path) >> 20} MB in {name}"
    if command.output and os.path.exists(command.output):
        if ran.code == 4:
            return "a failed command left its output"
        if ran.code in (0, 3):
            check = f"{folder}/check"
            os.mkdir(check)
            verdict = runner.run([binary, "verify", command.output], check)
            if verdict.code not in (0, ran.code) or verdict.signal:
                return f"its output is not whole: verify exits {verdict.code}, {first_line(verdict.out)}"
    return None


def printed(command, ran, folder):
    """What is wrong with what a command printed."""
    if command.prints != "raw":
        for data in (ran.out, ran.err):
            bad = [c for c in data.decode("utf-8", "replace") if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f"]
            if bad:
                return f"control characters: {sorted(set(bad))[:5]!r}"
    if command.prints == "json" and ran.code in (0, 1, 3) and ran.out and len(ran.out) < 1 << 20:
        try:
            json.loads(ran.out)
        except (ValueError, RecursionError) as error:
            return f"JSON: {error}"
    if command.prints == "jsonl" and ran.code == 0 and len(ran.out) < 1 << 20:
        try:
            for line in ran.out.split(b"\n"):
                json.loads(line or b"0")
        except (ValueError, RecursionError) as error:
            return f"JSON: {error}"
    if command.name == "validate junit" and os.path.exists(f"{folder}/out.other"):
        try:
            xml.etree.ElementTree.parse(f"{folder}/out.other")
        except xml.etree.ElementTree.ParseError as error:
            return f"XML: {error}"
    return None


def first_line(data, holds=b""):
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if holds.decode() in line]
    return ascii(lines[0][:300]) if lines else ""


def confirm(args, failures, folder):
    """What was slow beside others is run again alone."""
    kept = []
    for failure in failures:
        if failure["why"].startswith(("slow", "hangs")):
            place = f"{folder}/again"
            shutil.rmtree(place, ignore_errors=True)
            os.mkdir(place)
            again = failure["shows"].split(" ") if " serve " not in failure["shows"] else None
            again = again and [arg if not arg.startswith(str(folder)) else f"{place}/{os.path.basename(arg)}" for arg in again]
            ran = again and _runs.run(again, place)
            if ran and ran.wall_s <= _runs.MOST_WALL_S * args.patience:
                continue
        kept.append(failure)
    return kept


if __name__ == "__main__":
    sys.exit(main())
