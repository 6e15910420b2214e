#!/usr/bin/env python3
"""`capture drift` and `buf breaking` about mutated schemas: `drift_and_buf.py BINARY [--seed N] [--pairs N]`.

600 schemas (proto2, proto3 and editions) are mutated, the same ones in each run. Each old schema is embedded into a
capture in which all its methods are called, and compared with its mutant by both. They must agree about the verdict, and
about the rules of buf's category WIRE for each schema. Only the verdict for deleted methods is our own: they were called.
buf comes from $NODE_MODULES; without it, the check is skipped.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "hostile"))
import _gcap as gcap  # noqa: E402
import _mutated_schemas as mutated  # noqa: E402
from google.protobuf import descriptor_pb2 as pb  # noqa: E402
from google.protobuf import timestamp_pb2  # noqa: E402

# Schemas that are compared in one run of both programs.
BATCH = 20
# A run that takes longer hangs.
HANGS_S = 120
CONFIG = {"version": "v2", "breaking": {"use": ["WIRE", "RPC_NO_DELETE", "SERVICE_NO_DELETE"]}}
# buf looks for services in the same file only, and for required fields by their label only.
OURS_ALONE = {"SERVICE_NO_DELETE", "RPC_NO_DELETE"}


def buf_path():
    modules = os.environ.get("NODE_MODULES", "")
    path = pathlib.Path(modules) / ".bin" / "buf"
    return str(path) if modules and path.exists() else None


def descriptor_set(files):
    google = pb.FileDescriptorProto.FromString(timestamp_pb2.DESCRIPTOR.serialized_pb)
    return pb.FileDescriptorSet(file=[google, *files]).SerializeToString()


def capture_of(files):
    """A capture in which every method of the files is called once."""
    records = []
    for file in files:
        for service in file.service:
            for method in service.method:
                call = len(records) + 1
                path = f"/{file.package}.{service.name}/{method.name}"
                start = gcap.text(path) + gcap.text("") + gcap.text("") + gcap.metadata([]) + gcap.metadata([])
                records.append(gcap.Record(call, 1, call, gcap.CALL_START, start))
    chunk = gcap.Chunk(records, before=[gcap.schema_part(descriptor_set(files))])
    return gcap.Capture(anchor=1, chunks=[chunk]).sealed()


def by_schema(found):
    """(schema, rule) of each finding."""
    rules = collections.defaultdict(set)
    for name, rule in found:
        rules[name].add(rule)
    return rules


class Refused(Exception):
    """buf does not take a schema."""


def buf_findings(buf, folder):
    command = [buf, "breaking", "new.binpb", "--against", "old.binpb", "--error-format", "json"]
    command += ["--config", json.dumps(CONFIG)]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=HANGS_S, check=False)
    if b"input image" in done.stderr:
        raise Refused(done.stderr.decode())
    # buf exits with 100 when it objects.
    assert done.returncode in (0, 100), done.stderr.decode()
    for line in done.stdout.decode().splitlines():
        finding = json.loads(line)
        path = finding.get("path") or finding["message"].partition('"')[2]
        yield path[:5], finding["type"]


def our_findings(binary, folder):
    command = [binary, "drift", "old.gcap", "--protoset", "new.binpb", "--format", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=HANGS_S, check=False)
    assert done.returncode in (0, 1), f"exit code {done.returncode}: {done.stderr.decode()}"
    told = json.loads(done.stdout)
    assert told["more"] == 0, told["more"]
    assert (done.returncode == 1) == (told["verdict"] == "breaking")
    for finding in told["findings"]:
        breaks = finding["severity"] == "breaking"
        assert breaks == (finding["category"] == "WIRE" or finding["rule"] in OURS_ALONE), finding
        yield finding["path"].lstrip("/")[:5], finding["rule"], finding["category"] == "WIRE", breaks


def compare(binary, buf, batch, folder):
    """The rules that both named, what they disagree about, to how many buf objects, and how many it does not take."""
    try:
        return (*compare_all(binary, buf, batch, folder), 0)
    except Refused:
        if len(batch) == 1:
            return collections.Counter(), [], 0, 1
    half = len(batch) // 2
    one, other = (compare(binary, buf, part, folder) for part in (batch[:half], batch[half:]))
    return tuple(of_one + of_other for of_one, of_other in zip(one, other))


def compare_all(binary, buf, batch, folder):
    old = [file for _, files, _ in batch for file in files]
    new = [file for _, _, files in batch for file in files]
    (folder / "old.gcap").write_bytes(capture_of(old))
    (folder / "old.binpb").write_bytes(descriptor_set(old))
    (folder / "new.binpb").write_bytes(descriptor_set(new))
    theirs = by_schema(buf_findings(buf, folder))
    found = list(our_findings(binary, folder))
    ours = by_schema((name, rule) for name, rule, _, breaks in found if breaks)
    rules, different, breaking = collections.Counter(), [], 0
    for change, files, _ in batch:
        name = files[0].name[:5]
        one, other = ours[name], theirs[name]
        rules.update(other)
        breaking += bool(other)
        if bool(one) != bool(other) or one - OURS_ALONE != other - OURS_ALONE:
            different.append(f"{name}: {change}\n  capture: {sorted(one)}\n  buf:     {sorted(other)}")
    return rules, different, breaking


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=600)
    args = parser.parse_args()
    binary, buf = str(pathlib.Path(args.binary).resolve()), buf_path()
    if buf is None:
        print("skip  buf is not installed: set NODE_MODULES to a folder with @bufbuild/buf")
        return
    rules, different, breaking, refused = collections.Counter(), [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        pairs = list(mutated.pairs(args.seed, args.pairs))
        for at in range(0, len(pairs), BATCH):
            batch = pairs[at : at + BATCH]
            found = compare(binary, buf, batch, pathlib.Path(folder))
            rules, different = rules + found[0], different + found[1]
            breaking, refused = breaking + found[2], refused + found[3]
    for text in different:
        print(text)
    counts = ", ".join(f"{rule} {count}" for rule, count in sorted(rules.items()))
    print(f"buf objects to {breaking} of {len(pairs)}, and does not take {refused}: {counts}")
    assert refused * 10 <= len(pairs), f"buf does not take {refused} of {len(pairs)}"
    assert not different, f"{len(different)} of {len(pairs)} schemas are judged differently"
    print(f"ok    capture drift and buf breaking agree about {len(pairs) - refused} mutated schemas")


if __name__ == "__main__":
    main()
