"""Schemas with `edition =`, or schemas that cannot be resolved: a warning at most, never a panic, and the valid rest is
kept.
"""

from google.protobuf import descriptor_pb2

import _gcap as g
from _seeds import schema

EDITIONS = {"2023": 1000, "2024": 1001, "test": 99_999, "of tomorrow": 1002, "max": 2_147_483_647}


def edition_file(edition, package="e1", name="e1.proto"):
    """edition = "..."; message M { int32 a = 1; } service S { rpc U(M) returns (M); }"""
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="editions", edition=edition)
    message = file.message_type.add(name="M")
    message.field.add(name="a", number=1, type=5, label=1, json_name="a")
    service = file.service.add(name="S")
    service.method.add(name="U", input_type=f".{package}.M", output_type=f".{package}.M")
    return file


def unresolved():
    """A file whose import is missing, and whose message names a type that nobody has."""
    file = edition_file(0, "gone", "gone.proto")
    file.syntax, file.edition = "proto3", 0
    file.dependency.append("nowhere.proto")
    file.message_type[0].field.add(name="b", number=2, type=11, label=1, type_name=".nowhere.N")
    return file


def sets():
    """Name and bytes of descriptor sets; each holds the service t.S beside what is odd."""
    good = descriptor_pb2.FileDescriptorSet.FromString(schema())
    for name, edition in EDITIONS.items():
        both = descriptor_pb2.FileDescriptorSet(file=[*good.file, edition_file(edition)])
        yield f"edition {name}", both.SerializeToString()
    yield "unresolved", descriptor_pb2.FileDescriptorSet(file=[*good.file, unresolved()]).SerializeToString()


def capture(descriptors, method="/e1.S/U"):
    """A unary call whose schema is given."""
    start = g.text(method) + g.text("a:1") + g.text("b:2") + g.metadata([]) + g.metadata([])
    end = g.u32(0) + g.u32(0) + g.text("") + g.metadata([]) + b"\0"
    records = [
        g.Record(1, 1, 0, g.CALL_START, start),
        g.message(1, 2, 1, b"\x08\x05", received=False),
        g.message(1, 3, 2, b"\x08\x07"),
        g.Record(1, 4, 3, g.END, end),
    ]
    attributes = [(b"tool", b"by hand")]
    chunk = g.Chunk(records, before=[g.schema_part(descriptors)])
    return g.Capture(anchor=10**18, attributes=attributes, chunks=[chunk]).sealed()


def case_a_capture_with_such_a_schema_is_read_by_every_command(kit):
    """info, cat, diff, validate, stats, snapshot, report, redact and the exports end without a panic."""
    for number, (name, descriptors) in enumerate(sets()):
        for method in ("/e1.S/U", "/t.S/U"):
            path = kit.file(f"in-{number}.gcap", capture(descriptors, method))
            for command in (["info"], ["cat"], ["cat", "--format", "json"], ["diff", path], ["snapshot"], ["verify"], ["stats"]):
                kit.run(command[0], path, *command[1:], code={0, 1, 3})
            kit.run("validate", path, code={0, 1})
            kit.run("report", path, "-o", kit.file("r.html"), "--force", code={0, 1})
            kit.run("redact", path, "-o", kit.file("o.gcap"), "--force", "--field", "e1.M.a=drop", code={0, 2, 3, 4})
            for form in ("mcap", "binlog", "jsonl", "parquet"):
                kit.run("export", path, f"--{form}", kit.file(f"o.{form}"), "--force", code={0, 1, 3, 4})
        assert "t.S" in kit.run("info", path).out.decode(), f"{name}: the good service is lost"


def case_a_proxy_starts_with_such_a_protoset(kit):
    """The proxy starts, or refuses the file by an error: no exit 101."""
    for number, (_, descriptors) in enumerate(sets()):
        protoset = kit.file(f"{number}.pb", descriptors)
        proxy = kit.background(
            "proxy", "-l", "127.0.0.1:0", "-t", "127.0.0.1:1", "--plaintext", "--reflect=never", "--protoset", protoset,
            "-o", kit.file(f"o-{number}.gcap"), "--allow-empty", code=(0, 1, 3),
        )  # fmt: skip
        proxy.finish()


def case_an_mcap_file_with_such_a_schema_is_imported(kit):
    """The import ends without a panic, and so does info of what it made."""
    for number, (_, descriptors) in enumerate(sets()):
        source = kit.file(f"in-{number}.gcap", capture(descriptors))
        mcap, made = kit.file(f"ed-{number}.mcap"), kit.file(f"ed-{number}.gcap")
        kit.run("export", source, "--mcap", mcap)
        kit.run("import", mcap, "-o", made, code={0, 3})
        kit.run("info", made)


def case_a_server_whose_reflection_serves_such_a_file(kit):
    """`record --method` and `proxy` with reflection do not panic, and the call is in the capture."""
    port = kit.python(kit.folder / "reflection_server.py")
    kept = kit.file("record.gcap")
    kit.run("record", "-t", f"127.0.0.1:{port}", "--plaintext", "--method", "/e1.S/U", "-o", kept, code={0, 3})
    kit.run("info", kept)
    kit.run("cat", kept)
    proxy = kit.background("proxy", "-l", "127.0.0.1:0", "-t", f"127.0.0.1:{port}", "--plaintext", "-o", kit.file("p.gcap"))
    kit.run("record", "-t", proxy.grpc, "--plaintext", "--method", "/e1.S/U", "-o", kit.file("c.gcap"), code={0, 3})
    proxy.finish()
    kit.run("cat", kit.file("p.gcap"))
