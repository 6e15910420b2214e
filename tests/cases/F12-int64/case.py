"""64-bit integers in JSON are strings, as proto3 JSON defines, because JavaScript and jq round such numbers."""

import importlib.resources
import json

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

import _grpcio as grpcio

METHOD = "/t.S/U"
BOUNDS = (-(2**63), -1, 0, 2**53 + 1, 2**63 - 1)


def message_class(kit):
    """t.M as the reference implementation makes it of p3.proto, and where its types are."""
    out, standard = kit.file("p3.pb"), importlib.resources.files("grpc_tools") / "_proto"
    flags = ("--include_imports", f"--descriptor_set_out={out}", f"-I{kit.folder}", f"-I{standard}", "p3.proto")
    assert protoc.main(("protoc", *flags)) == 0
    pool = descriptor_pool.DescriptorPool()
    with open(out, "rb") as file:
        for described in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(described)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.M")), pool


def messages(kind):
    """One with every kind of integer for each bound."""
    for bound in BOUNDS:
        plain = kind(
            i64=bound, u64=bound % 2**64, f64=bound % 2**64, sf64=bound, s64=bound, many=[bound, 1, bound],
            i32=max(-(2**31), min(bound, 2**31 - 1)), u32=bound % 2**32, by_key={bound: 1}, by_name={"k": bound},
        )  # fmt: skip
        plain.wrapped.value = bound
        plain.unsigned.value = bound % 2**64
        plain.choice = bound
        whole = kind(inner=plain, i64=bound)
        whole.any.Pack(plain)
        yield from (plain, whole)


def case_decoded_messages(kit):
    """`cat --format json` and `export --jsonl` show them as the reference implementation does."""
    kind, pool = message_class(kit)
    # The last one is the report's: field 3, the largest int64.
    sent = [*messages(kind), kind.FromString(bytes.fromhex("18ffffffffffffffff7f"))]
    echo = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
    proxy = kit.proxy(grpcio.serve(kit, {METHOD: echo}), "--proto", kit.folder / "p3.proto", code=(0,))
    call = grpcio.channel(kit, proxy.grpc).unary_unary(METHOD)
    for message in sent:
        call(message.SerializeToString(), timeout=10)
    proxy.finish()
    how = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True, "descriptor_pool": pool}
    expected = [json_format.MessageToDict(message, **how) for message in sent]
    assert expected[-1]["i64"] == "9223372036854775807"
    kit.run("export", proxy.kept, "--jsonl", kit.file("o.jsonl"))
    with open(kit.file("o.jsonl"), encoding="utf-8") as lines:
        exported = [json.loads(line) for line in lines]
    for name, events in (("cat", kit.events(proxy.kept)), ("export", exported)):
        shown = [event["message"] for event in events if event.get("event") == "message"]
        # Each is a request and its answer.
        assert len(shown) == 2 * len(expected), f"{name}: {len(shown)} messages"
        for at, came in enumerate(shown):
            assert came == expected[at // 2], f"{name}: {json.dumps(came)} is not {json.dumps(expected[at // 2])}"


def case_a_request_takes_both(kit):
    """`record -d` takes a 64-bit integer as a string and as a number, without loss."""
    kind, _ = message_class(kit)
    target = grpcio.serve(kit, {METHOD: grpc.unary_unary_rpc_method_handler(lambda request, _: request)})
    for number, told in enumerate(('{"i64": "9223372036854775807"}', '{"i64": 9223372036854775807}')):
        out = kit.file(f"{number}.gcap")
        flags = ("--plaintext", "--reflect=never", "--proto", kit.folder / "p3.proto", "--method", METHOD, "-d", told)
        kit.run("record", "-t", target, *flags, "-o", out)
        (size, *message) = kit.run("cat", out, "--raw").out
        assert size == len(message) and kind.FromString(bytes(message)).i64 == 2**63 - 1, told
