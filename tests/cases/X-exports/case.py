"""Exports of streams that do not fit tables and arrays: nothing is lost without a report, and nothing grows out of
proportion.
"""

import os
import struct

from _seeds import field, varint

T = 1_700_000_000_000
MOST_BYTES = 300 << 20


def row(start, end, sensors, canvas=b"c"):
    packed = (
        field(2, varint(1 << 3) + varint(sensor) + field(2, struct.pack(f"<{len(values)}f", *values)))
        for sensor, values in sensors
    )
    return field(1, field(1, canvas) + b"".join(packed) + varint(3 << 3) + varint(start) + varint(4 << 3) + varint(end))


def rows(count, sensors, canvas=lambda at: b"c"):
    return [row(T + at, T + at + 1, sensors(at), canvas(at)) for at in range(count)]


STREAMS = {
    "duplicate-sensor": lambda: rows(3, lambda at: [(1, [1.0] * 4), (1, [9.0] * 4), (2, [2.0] * 4)]),
    "two-canvases": lambda: rows(4, lambda at: [(1, [float(at)] * 4)], lambda at: b"AB"[at % 2 :][:1]),
    "one-long-row": lambda: rows(1000, lambda at: [(1, [1.0] * (2_000_000 if at == 7 else 1))]),
    "many-sensors": lambda: rows(20_000, lambda at: [(at, [1.0])]),
    "empty-rows": lambda: [field(1, b"") * 3_000_000] * 2,
    "empty-sensors": lambda: [field(1, field(2, b"") * 2_000_000)] * 2,
    "many-canvases": lambda: rows(1000, lambda at: [(1, [1.0])], lambda at: b"canvas %d" % at),
}


def imported(kit, name):
    messages = STREAMS[name]()
    source = kit.file(f"{name}.bin", b"".join(varint(len(message)) + message for message in messages))
    made = kit.file(f"{name}.gcap")
    kit.run("import", source, "-o", made, code={0, 1, 3})
    os.unlink(source)
    return made


def case_no_export_is_out_of_proportion(kit):
    """Every export of every stream ends, under 300 MB of memory, with a file under 300 MB; a failed one leaves none."""
    for name in STREAMS:
        made = imported(kit, name)
        for flag in ("npy", "parquet", "mcap", "jsonl", "frames", "binlog", "png"):
            for ending in (("npy", "npz") if flag == "npy" else (flag,)):
                out = kit.file(f"{name}.{ending}")
                ran = kit.run("export", made, f"--{flag}", out, code={0, 1, 3, 4})
                size = os.path.getsize(out) if os.path.exists(out) else 0
                assert size <= MOST_BYTES, f"{name}: {size >> 20} MB of .{ending}"
                assert ran.code != 4 or not size, f"{name}: the failed export left a file .{ending}"
                assert ran.code == 0 or ran.err, f"{name}: exit {ran.code} of .{ending} without a word"
                if size:
                    os.unlink(out)
        for command in ("validate", "stats", "info", "snapshot"):
            kit.run(command, made, code={0, 1, 3})


def case_one_sensor_twice_in_a_row_is_not_lost_in_silence(kit):
    """The table has both lines; an array that cannot hold both is refused or exits 3."""
    import numpy
    import pyarrow.parquet

    made = imported(kit, "duplicate-sensor")
    ran = kit.run("export", made, "--parquet", kit.file("o.parquet"), code={0, 3})
    lines = pyarrow.parquet.read_table(kit.file("o.parquet")).num_rows
    assert lines == 9 or ran.code == 3, f"{lines} of 9 lines, exit {ran.code}"
    ran = kit.run("export", made, "--npy", kit.file("o.npy"), code={0, 3, 4})
    if ran.code == 0:
        values = set(numpy.load(kit.file("o.npy")).ravel().tolist())
        assert {1.0, 9.0, 2.0} <= values, f"exit 0, and of 1, 9 and 2 there are {values}"


def case_two_canvases_are_told_apart(kit):
    """A column of the table tells which canvas a line is of."""
    import pyarrow.parquet

    kit.run("export", imported(kit, "two-canvases"), "--parquet", kit.file("o.parquet"), code={0, 3})
    table = pyarrow.parquet.read_table(kit.file("o.parquet"))
    columns = [name for name in table.column_names if set(map(str, table[name].to_pylist())) == {"A", "B"}]
    assert columns, f"no column tells them apart: {table.column_names}"


def case_what_import_reads_comes_back(kit):
    """Frames, MCAP and the binary log of each small stream hold the same messages."""
    for name in ("duplicate-sensor", "two-canvases", "many-canvases"):
        made = imported(kit, name)
        raw = kit.run("cat", "--raw", made).out
        for form in ("frames", "mcap", "binlog"):
            kit.run("export", made, f"--{form}", kit.file(f"{name}.{form}"), code={0, 3})
            back = kit.file(f"{name}.{form}.gcap")
            kit.run("import", kit.file(f"{name}.{form}"), "-o", back, code={0, 3})
            assert kit.run("cat", "--raw", back).out == raw, f"{name} by {form}"
