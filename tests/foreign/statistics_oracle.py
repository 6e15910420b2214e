#!/usr/bin/env python3
"""Compares `capture stats` with NumPy: `statistics_oracle.py BINARY [CAPTURE…]`.

The messages come from `capture cat --raw` and are decoded with classes that protoc generates from protos/*.proto.
NumPy computes every number again, with 64-bit floats. Whole numbers must be equal. Other numbers may differ by 1e-6
of their size. Only `datastream` captures are checked here, because the other dialect does not say how to read its
values.

Prints one line for each capture, with the largest relative difference. Exits with 1 if a number differs.
"""

import hashlib
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from _capture_binary import cut  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEFAULT = ["captures/optodas-quake.gcap", "captures/febus-jitter.gcap", "captures/nan.gcap", "captures/zero-ids.gcap"]

# How far a float may lie from NumPy's, as a share of its size; and below which size that is of no use (dB).
RELATIVE, ABSOLUTE = 1e-6, 1e-12
PERCENTILES = [1, 5, 25, 50, 75, 95, 99]
# A command that takes longer hangs.
HANGS_S = 300


def compile_protos(into):
    """Compiles protos/datastream.proto with protoc, and makes the module importable."""
    from grpc_tools import protoc

    command = ["protoc", f"-I{ROOT / 'protos'}", f"--python_out={into}", str(ROOT / "protos" / "datastream.proto")]
    if protoc.main(command) != 0:
        raise SystemExit("protoc failed")
    sys.path.insert(0, str(into))


def run(binary, *args):
    """A command's stdout; anything but success is an error."""
    done = subprocess.run([binary, *args], capture_output=True, timeout=HANGS_S, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{args} exits {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def amplitude(values):
    """What `amplitude` must hold."""
    values = numpy.asarray(values, dtype=numpy.float32).astype(numpy.float64)
    finite = values[numpy.isfinite(values)]
    some = len(finite) > 0
    percentiles = None
    if some:
        percentiles = {f"p{p:02}": float(v) for p, v in zip(PERCENTILES, numpy.percentile(finite, PERCENTILES))}
        percentiles |= {"approximate": False, "relative_error": 0}
    return {
        "values": len(values),
        "finite": len(finite),
        "negative_infinite": int(numpy.isneginf(values).sum()),
        "positive_infinite": int(numpy.isposinf(values).sum()),
        "nan": int(numpy.isnan(values).sum()),
        "zeros": int((finite == 0).sum()),
        "min_db": float(finite.min()) if some else None,
        "max_db": float(finite.max()) if some else None,
        "mean_db": float(finite.mean()) if some else None,
        "std_db": float(finite.std()) if some else None,
        "percentiles_db": percentiles,
    }


def named(value):
    """A number as the JSON has it: what is none is a string."""
    value = float(value)
    if math.isnan(value):
        return "nan"
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def declared(frames):
    """What `declared` must hold but for the place."""
    count = differ = beyond = 0
    largest, extremes = [0.0, 0.0], [None, None]
    for frame in frames:
        parts = [numpy.asarray(s.intensity, dtype=numpy.float32) for row in frame.rows for s in row.sensors]
        values = numpy.concatenate(parts).astype(numpy.float64) if parts else numpy.array([])
        values = values[~numpy.isnan(values)]
        if not len(values):
            continue
        count += 1
        pairs = [(frame.current_max_amp, values.max()), (frame.current_min_amp, values.min())]
        wrong, outside = False, False
        for side, (said, actual) in enumerate(pairs):
            apart = 0.0 if said == actual else abs(said - actual)
            apart = math.inf if math.isnan(apart) else apart
            largest[side] = max(largest[side], apart)
            far = math.isinf(apart) or apart > max(abs(said), abs(actual)) * 1e-6
            wrong |= far
            outside |= far and (math.isnan(said) or (actual > said if side == 0 else actual < said))
            pick = max if side == 0 else min
            extremes[side] = said if extremes[side] is None else pick(extremes[side], said)
        differ += wrong
        beyond += outside
    return {
        "frames": count,
        "frames_that_differ": differ,
        "frames_beyond": beyond,
        "largest_max_difference_db": named(largest[0]),
        "largest_min_difference_db": named(largest[1]),
        "max_db": None if extremes[0] is None else named(extremes[0]),
        "min_db": None if extremes[1] is None else named(extremes[1]),
    }


def spread(values):
    """Smallest, lower median, largest."""
    values = sorted(values)
    return {"min": values[0], "median": values[(len(values) - 1) // 2], "max": values[-1]} if values else None


def breaks(lengths):
    """Count, total and longest."""
    return {"count": len(lengths), "total_ms": float(sum(lengths)), "longest_ms": float(max(lengths, default=0))}


def row_timing(frames):
    """What `rows` must hold, for rows that come in the order of their time and have an end."""
    rows = [(row.startTimestamp, row.endTimestamp) for frame in frames for row in frame.rows]
    timed = [(start, end) for start, end in rows if (start, end) != (0, 0)]
    assert timed == sorted(set(timed)) and all(end > start for start, end in timed), "not for this oracle"
    durations = numpy.array([end - start for start, end in timed], dtype=numpy.int64)
    kinds, counts = numpy.unique(durations, return_counts=True)
    frequent = sorted(zip(-counts, kinds))[:8]
    nominal = spread(durations.tolist())["median"]
    joints = [start - before[1] for before, (start, _) in zip(timed, timed[1:])]
    gaps = [joint for joint in joints if joint > 0]
    return {
        "timed": len(timed),
        "untimed": len(rows) - len(timed),
        "first_start_ms": min(start for start, _ in timed),
        "last_end_ms": max(end for _, end in timed),
        "span_ms": max(end for _, end in timed) - min(start for start, _ in timed),
        "lines_dt_ms": float(nominal),
        "lines_dt_from": "duration",
        "duration_ms": spread(durations.tolist()),
        "durations": [{"ms": int(ms), "rows": int(-rows)} for rows, ms in frequent],
        "step_ms": spread([after[0] - before[0] for before, after in zip(timed, timed[1:])]),
        "gaps": breaks(gaps),
        "overlaps": breaks([-joint for joint in joints if joint < 0]),
        "duplicates": 0,
        "late": 0,
        "clock_steps": 0,
        "dropped": sum(math.floor(gap / nominal + 0.5) for gap in gaps),
        "completeness": None,
    }


def structure(frames, sensors):
    """What `structure` must hold of sensors and rows."""
    ids = sorted(sensors)
    steps = {after - before for before, after in zip(ids, ids[1:])}
    bins = [len(run) for runs in sensors.values() for run in runs]
    per_frame = [len(frame.rows) for frame in frames]
    return {
        "empty_frames": per_frame.count(0),
        "rows_per_frame_min": min(per_frame),
        "rows_per_frame_max": max(per_frame),
        "sensors": {
            "count": len(ids),
            "first": ids[0],
            "last": ids[-1],
            "step": steps.pop() if len(steps) == 1 else None,
            "ids": ids if len(ids) <= 32 else [],
            "bins_min": min(bins),
            "bins_max": max(bins),
        },
    }


def delivery(binary, capture, frames, data):
    """What `timing` must hold, from the offsets that `cat` prints."""
    # What a message holds follows its direction: an offset is read without it.
    lines = run(binary, "cat", "--format", "json", capture).splitlines()
    event = re.compile(rb'{"event":"(\w+)","call":1,"seq":\d+,"offset_ns":(\d+)(?:,"time":"[^"]*")?(?:,"number":\d+)?(?:,"direction":"(\w+)")?')
    found = [event.match(line).groups() for line in lines]
    began = next(int(offset) for kind, offset, _ in found if kind == b"call_start")
    at = [int(offset) for kind, offset, direction in found if (kind, direction) == (b"message", b"received")]
    waits = numpy.diff(numpy.array(at, dtype=numpy.int64))
    seconds = (at[-1] - at[0]) / 1e9
    return {
        "first_frame_ns": at[0] - began,
        "duration_ns": at[-1] - at[0],
        "frames_per_s": (len(frames) - 1) / seconds,
        "rows_per_s": sum(len(frame.rows) for frame in frames[1:]) / seconds,
        "megabytes_per_s": sum(len(message) for message in data[1:]) / 1e6 / seconds,
        "stalls": int((waits > 10_000_000_000).sum()),
        "stalled_ns": int(waits[waits > 10_000_000_000].sum()),
    }, waits


class Differences:
    """Compares what was found with what was computed, and keeps the largest relative difference of floats."""

    def __init__(self):
        self.largest, self.where, self.count, self.wrong = 0.0, "nothing", 0, []

    def compare(self, where, found, expected):
        """Goes through dictionaries and lists; keys that are not expected are not judged."""
        if isinstance(expected, dict) and isinstance(found, dict):
            for key, value in expected.items():
                self.compare(f"{where}.{key}", found.get(key, "absent"), value)
            return
        if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
            for index, pair in enumerate(zip(found, expected)):
                self.compare(f"{where}[{index}]", *pair)
            return
        self.count += 1
        if isinstance(expected, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
            apart = abs(found - expected)
            relative = apart / abs(expected) if expected else apart
            if expected and relative > self.largest:
                self.largest, self.where = relative, where
            if apart <= ABSOLUTE or relative <= RELATIVE:
                return
        elif found == expected and isinstance(found, bool) == isinstance(expected, bool):
            return
        self.wrong.append(f"{where}: {found!r}, NumPy has {expected!r}")


def check(binary, capture):
    """Compares one capture; gives the differences."""
    import datastream_pb2

    stats = json.loads(run(binary, "stats", "--format", "json", capture))
    raw = run(binary, "cat", "--raw", capture)
    data = list(cut(raw))
    frames = [datastream_pb2.DataStream.FromString(message) for message in data]
    sensors = {}
    for frame in frames:
        for row in frame.rows:
            for sensor in row.sensors:
                sensors.setdefault(sensor.id, []).append(numpy.array(sensor.intensity, dtype=numpy.float32))
    # The order of the stream does not matter to NumPy's sums beyond the last digits.
    everything = numpy.concatenate([run for runs in sensors.values() for run in runs])

    differences = Differences()
    differences.compare("stats", stats["stats"], 1)
    totals = {
        "calls": 1,
        "messages": len(data),
        "message_bytes": sum(map(len, data)),
        "lost_messages": 0,
        "frames": len(frames),
        "rows": sum(len(frame.rows) for frame in frames),
        "undecodable": 0,
    }
    differences.compare("totals", stats["totals"], totals)
    call = {"messages": len(data), "frames": len(frames), "digest": hashlib.sha256(raw).hexdigest()}
    differences.compare("calls", stats["calls"], [call])
    differences.compare("structure", stats["structure"], structure(frames, sensors))
    differences.compare("amplitude", stats["amplitude"], amplitude(everything))
    each = [
        {
            "id": number,
            "spectra": len(runs),
            "bins_min": min(map(len, runs)),
            "bins_max": max(map(len, runs)),
            "amplitude": amplitude(numpy.concatenate(runs)),
        }
        for number, runs in sorted(sensors.items())
    ]
    differences.compare("sensors", stats["sensors"], each)
    differences.compare("declared", stats["declared"], declared(frames))
    differences.compare("rows", stats["rows"], row_timing(frames))
    timing, waits = delivery(binary, capture, frames, data)
    differences.compare("timing", stats["timing"], timing)
    found = stats["timing"]["inter_arrival"]
    exact = {"count": len(waits), "min_ns": int(waits.min()), "max_ns": int(waits.max())}
    exact |= {"mean_ns": float(waits.mean()), "jitter_ns": float(waits.std())}
    differences.compare("timing.inter_arrival", found, exact)
    for percent in (50, 95, 99):
        # The histogram has three significant digits; NumPy is asked for a wait that was measured.
        wait = float(numpy.percentile(waits, percent, method="inverted_cdf"))
        key = f"p{percent}_ns"
        if not wait <= found[key] <= wait * 1.001 + 1:
            differences.wrong.append(f"timing.inter_arrival.{key}: {found[key]}, NumPy has {wait}")
    return differences


def main():
    if len(sys.argv) < 2:
        raise SystemExit(f"usage: {sys.argv[0]} BINARY [CAPTURE…]")
    # Nothing is left behind in the source tree.
    sys.dont_write_bytecode = True
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    captures = sys.argv[2:] or [str(ROOT / capture) for capture in DEFAULT]
    failed = False
    with tempfile.TemporaryDirectory() as generated:
        compile_protos(generated)
        for capture in captures:
            found = check(binary, capture)
            name = pathlib.Path(capture).name
            said = f"{found.count} numbers, largest relative difference {found.largest:.2g} ({found.where})"
            print(f"{'FAIL' if found.wrong else 'ok':5} {name}: {said}", flush=True)
            for wrong in found.wrong[:20]:
                print(f"      {wrong}")
            failed |= bool(found.wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
