#!/usr/bin/env python3
"""Reads the files of `capture export` with other programs: `exports.py BINARY`.

Parquet is read by pyarrow, .npy and .npz by NumPy, MCAP by its own Python library, length-delimited messages by the
protobuf library, and JSON lines by json. Each result is compared with the messages of `capture cat --raw`, decoded
with classes that protoc generates from protos/*.proto. Floats must have the same bits, NaN and infinities too.

Prints one line for each check. Exits with 1 at the first difference.
"""

import io
import json
import pathlib
import sys
import tempfile

import numpy
import pyarrow.parquet
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, proto
from mcap.reader import make_reader

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from _capture_binary import cut, run, shipped, use  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DATASTREAM = ["optodas-quake.gcap", "febus-jitter.gcap", "nan.gcap", "zero-ids.gcap"]
PRODUCTION = "production.gcap"
# numpy.datetime64('NaT') as an integer: what stands for a time that a row does not give.
NO_TIME = numpy.iinfo(numpy.int64).min


def compile_protos(into):
    """Compiles protos/*.proto with protoc, and gives the module of each."""
    from grpc_tools import protoc

    names = ["datastream", "pandadatastream"]
    command = ["protoc", f"-I{ROOT / 'protos'}", f"--python_out={into}"]
    if protoc.main(command + [str(ROOT / "protos" / f"{name}.proto") for name in names]) != 0:
        raise SystemExit("protoc failed")
    sys.path.insert(0, str(into))
    return [__import__(f"{name}_pb2") for name in names]


def same(one, other):
    """Whether two arrays of floats have the same bits."""
    one, other = (numpy.ascontiguousarray(array, dtype=numpy.float32) for array in (one, other))
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def received(capture, call=None):
    """The received messages, and the offset of each."""
    only = [] if call is None else ["--call", str(call)]
    messages = list(cut(run("cat", "--raw", "--direction", "received", *only, capture)))
    lines = run("cat", "--format", "json", "--direction", "received", *only, capture).splitlines()
    events = [json.loads(line) for line in lines]
    offsets = [event["offset_ns"] for event in events if event["event"] == "message"]
    assert len(messages) == len(offsets) > 0
    return messages, offsets


def truth(capture, frame):
    """Every spectrum of a datastream capture: message, row, offset, start, end, sensor, values."""
    spectra, row_number = [], 0
    for number, (data, offset) in enumerate(zip(*received(capture)), 1):
        for row in frame.FromString(data).rows:
            for sensor in row.sensors:
                values = numpy.array(sensor.intensity, dtype=numpy.float32)
                at = (number, row_number, offset, row.startTimestamp, row.endTimestamp, sensor.id)
                spectra.append((at, values))
            row_number += 1
    return spectra


def parquet(capture, spectra, folder):
    """The table holds every spectrum, in the order of the stream."""
    path = folder / "table.parquet"
    run("export", capture, "--parquet", str(path))
    table = pyarrow.parquet.read_table(path)
    types = {field.name: str(field.type) for field in table.schema}
    whole = {name: "int64" for name in ("message", "row", "offset_ns", "start_ms", "end_ms")}
    assert {name: types[name] for name in whole} == whole, types
    assert types["call"] == types["sensor"] == "int32" and types["intensity"].startswith("list<"), types
    lines = table.to_pylist()
    assert len(lines) == len(spectra)
    intensity = table.column("intensity").combine_chunks()
    for number, (line, (at, values)) in enumerate(zip(lines, spectra)):
        names = ("message", "row", "offset_ns", "start_ms", "end_ms", "sensor")
        assert tuple(line[name] for name in names) == at, (number, line, at)
        assert same(intensity[number].values.to_numpy(zero_copy_only=False), values), (number, at)


def arrays(capture, spectra, folder):
    """The arrays hold every spectrum at its row and sensor, and NaN elsewhere."""
    npy, npz = folder / "a.npy", folder / "a.npz"
    run("export", capture, "--npy", str(npy))
    run("export", capture, "--npy", str(npz))
    cube = numpy.load(npy, allow_pickle=False)
    with numpy.load(npz, allow_pickle=False) as archive:
        members = {name: archive[name] for name in archive.files}
    assert {"end_ms", "intensity", "offset_ns", "sensors", "start_ms"} <= set(members), sorted(members)
    assert cube.dtype == numpy.dtype("<f4") and same(cube, members["intensity"])
    sensors = sorted({at[-1] for at, _ in spectra})
    assert members["sensors"].tolist() == sensors
    expected = numpy.full_like(cube, numpy.nan)
    for (_, row, offset, start, end, sensor), values in spectra:
        expected[row, sensors.index(sensor), : len(values)] = values
        times = tuple(int(members[name][row]) for name in ("offset_ns", "start_ms", "end_ms"))
        assert times == (offset, start, end), (row, times)
    # Where nothing was sent there is some NaN; where NaN was sent there are its bits.
    nothing = numpy.isnan(cube) & numpy.isnan(expected)
    assert same(numpy.where(nothing, 0, cube), numpy.where(nothing, 0, expected))


def mcap(capture, calls, folder):
    """Every message with its bytes, its time, its call and a schema that decodes it; endings beside them as JSON."""
    path = folder / "a.mcap"
    run("export", capture, "--mcap", str(path))
    decoded = 0
    by_topic = {}
    endings = 0
    with open(path, "rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        records = [(record.name, record.metadata) for record in reader.iter_metadata()]
        header = dict(records)["grpc-capture.header"]
        anchor = int(header["anchor_unix_ns"])
        for schema, channel, message in reader.iter_messages(log_time_order=False):
            if channel.topic == "grpc-capture/events":
                assert channel.message_encoding == "json" and schema.encoding == "jsonschema"
                endings += json.loads(message.data)["event"] == "end"
                continue
            assert channel.message_encoding == "protobuf" and schema.encoding == "protobuf"
            by_topic.setdefault((channel.topic, message.sequence), []).append((schema, message))
    assert endings == len(calls), endings
    for method, call, messages, offsets in calls:
        found = by_topic[f"{method} received", call]
        assert [message.data for _, message in found] == messages, call
        assert [message.log_time - anchor for _, message in found] == offsets, call
        schema = found[0][0]
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(schema.data).file:
            pool.Add(file)
        kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name))
        for data in messages:
            fields = len(kind.FromString(data).ListFields())
            assert fields > 0, (call, schema.name)
            decoded += 1
    assert decoded == sum(len(messages) for _, _, messages, _ in calls)


def written(message):
    """A message's bytes, as this library writes them."""
    return message.SerializeToString(deterministic=True)


def lines_and_frames(capture, messages, frame, folder):
    """Each message stands in the lines by its fields, and between the lengths by its bytes."""
    lines, frames = folder / "a.jsonl", folder / "a.bin"
    run("export", capture, "--jsonl", str(lines))
    # Frames alone tell all of a capture that was made of frames, and not all of any other.
    imported = pathlib.Path(capture).name in ("optodas-quake.gcap", "febus-jitter.gcap")
    run("export", capture, "--frames", str(frames), code=0 if imported else 3)
    with open(lines, encoding="utf-8") as stream:
        events = [json.loads(line) for line in stream]
    found = [event for event in events if event["event"] == "message" and event["direction"] == "received"]
    assert [event["size"] for event in found] == [len(data) for data in messages]
    told = [json_format.ParseDict(event["message"], frame()) for event in found]
    stream = io.BytesIO(frames.read_bytes())
    read = []
    while (message := proto.parse_length_prefixed(frame, stream)) is not None:
        read.append(message)
    # NaN is not equal to itself: the bytes are compared.
    expected = [written(frame.FromString(data)) for data in messages]
    assert [written(message) for message in read] == expected
    assert [written(message) for message in told] == expected


def production(panda, folder):
    """Three calls in one capture: arrays of each, a table of all, the payload as channel-major floats."""
    capture = shipped(PRODUCTION)
    npz, table = folder / "p.npz", folder / "p.parquet"
    layout = ["--element", "f32", "--axis", "channel-major"]
    run("export", capture, "--npy", str(npz), *layout)
    run("export", capture, "--parquet", str(table), *layout)
    lines = pyarrow.parquet.read_table(table).to_pylist()
    calls = sorted({line["call"] for line in lines})
    assert len(calls) == 3, calls
    seen = 0
    with numpy.load(npz, allow_pickle=False) as archive:
        for call in calls:
            messages, offsets = received(capture, call)
            cube, sensors = archive[f"intensity_call{call}"], archive[f"sensors_call{call}"].tolist()
            row = 0
            for data, offset in zip(messages, offsets):
                frame = panda.DataStream.FromString(data)
                channels = frame.end_channel - frame.start_channel + 1
                payload = b"".join(frame.main_data)
                values = numpy.frombuffer(payload, "<f4").reshape(frame.data_shape_y, channels, -1)
                for block, time in zip(values, frame.timestamp_in_milis):
                    assert same(cube[row], block), (call, row)
                    assert archive[f"start_ms_call{call}"][row] in (time, NO_TIME), (call, row)
                    assert archive[f"offset_ns_call{call}"][row] == offset
                    here = [line for line in lines if (line["call"], line["row"]) == (call, row)]
                    assert [line["sensor"] for line in here] == sensors
                    assert same([line["intensity"] for line in here], block)
                    row += 1
                    seen += 1
            assert row == len(cube)
    return seen


def main():
    use(sys.argv[1], ROOT)
    with tempfile.TemporaryDirectory() as name:
        datastream, panda = compile_protos(name)
        for number, capture in enumerate(DATASTREAM):
            folder = pathlib.Path(name) / str(number)
            folder.mkdir()
            path = shipped(capture)
            spectra = truth(path, datastream.DataStream)
            messages, offsets = received(path)
            parquet(path, spectra, folder)
            arrays(path, spectra, folder)
            method = "/datastream.DataStreamService/StreamSpectrograms"
            mcap(path, [(method, 1, messages, offsets)], folder)
            lines_and_frames(path, messages, datastream.DataStream, folder)
            values = sum(len(values) for _, values in spectra)
            print(f"{capture}: {len(messages)} messages, {len(spectra)} spectra, {values} values the same everywhere")
        folder = pathlib.Path(name) / "production"
        folder.mkdir()
        rows = production(panda, folder)
        method = "/pandadatastream.DataStreamService/StreamData"
        calls = [(method, call, *received(shipped(PRODUCTION), call)) for call in (1, 2, 3)]
        mcap(shipped(PRODUCTION), calls, folder)
        print(f"{PRODUCTION}: {rows} rows of 3 calls the same everywhere")


if __name__ == "__main__":
    main()
