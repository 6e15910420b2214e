"""Schemas and their mutants: `pairs(seed, count)` yields (description, old files, new files) with FileDescriptorProtos.

Every message and enum of the old files is needed by a method of theirs, so that a comparison of what methods need and one
of whole files must find the same. A mutant is built like a change that people make; those that protobuf's own library
refuses are not used.
"""

import copy
import pathlib
import random
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool
from grpc_tools import protoc

F = pb.FieldDescriptorProto
SCALARS = [
    F.TYPE_DOUBLE, F.TYPE_FLOAT, F.TYPE_INT64, F.TYPE_UINT64, F.TYPE_INT32, F.TYPE_FIXED64, F.TYPE_FIXED32,
    F.TYPE_BOOL, F.TYPE_STRING, F.TYPE_BYTES, F.TYPE_UINT32, F.TYPE_SFIXED32, F.TYPE_SFIXED64, F.TYPE_SINT32,
    F.TYPE_SINT64,
]  # fmt: skip
PACKABLE = set(SCALARS) - {F.TYPE_STRING, F.TYPE_BYTES}

PROTO3 = """syntax = "proto3";
package base;
import "base_types.proto";
import "google/protobuf/timestamp.proto";
service Shop {
  rpc Get(GetRequest) returns (Order);
  rpc Watch(GetRequest) returns (stream Order) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Put(stream Order) returns (types.Ack);
}
message GetRequest {
  reserved 7, 20 to 30, 100 to max;
  reserved "old", "older";
  string id = 1;
  optional int32 depth = 2;
  oneof by { string name = 3; uint64 number = 4; bytes key = 5; }
  types.State state = 6;
  repeated int64 ids = 8;
}
message Order {
  message Line {
    message Price { int64 units = 1; sint32 nanos = 2; string currency = 3; }
    enum Kind { reserved 5 to 9, 12; reserved "GONE"; NONE = 0; GOOD = 1; SERVICE = 2; OTHER = 3; }
    string article = 1;
    double amount = 2;
    Price price = 3;
    Kind kind = 4;
    repeated Kind kinds = 5;
  }
  string id = 1;
  repeated Line lines = 2;
  map<string, Line> by_name = 3;
  map<int32, string> notes = 4;
  types.State state = 5;
  fixed32 check = 6;
  sfixed64 offset = 7;
  google.protobuf.Timestamp at = 8;
  Order parent = 9;
  float weight = 10;
  bool paid = 11;
  oneof paid_by { string card = 12; Line.Price cash = 13; }
  repeated string tags = 14;
  bytes blob = 15;
}
"""
PROTO3_TYPES = """syntax = "proto3";
package base.types;
enum State { option allow_alias = true; UNKNOWN = 0; OPEN = 1; ACTIVE = 1; CLOSED = 2; LOST = -3; }
message Ack { bool ok = 1; State state = 2; }
"""
PROTO2 = """syntax = "proto2";
package base;
import "base_types.proto";
service Old { rpc Call(Request) returns (Answer); rpc Send(Request) returns (types.Ack); }
message Request {
  reserved 9 to 12, 15;
  reserved "was";
  extensions 100 to 200;
  required string id = 1;
  optional int32 depth = 2 [default = 7];
  optional string name = 3 [default = "x"];
  optional bytes raw = 4 [default = "a\\001"];
  optional double factor = 5 [default = 1.5];
  optional types.Level level = 6 [default = HIGH];
  optional bool on = 7 [default = true];
  repeated uint32 numbers = 8 [packed = true];
  optional float share = 13;
  required types.Level least = 14;
}
message Answer {
  optional group Part = 1 { optional int32 size = 1; optional string label = 2; }
  repeated group Row = 2 { required int64 number = 1; }
  optional Answer more = 3;
  oneof either { int32 left = 4; string right = 5; }
  map<string, types.Ack> acks = 6;
  optional sint64 delta = 7 [default = -4];
}
message Extra { optional int32 value = 1; }
extend Request { optional int32 hint = 100 [default = 3]; repeated string hints = 101; optional Extra extra = 102; }
"""
PROTO2_TYPES = """syntax = "proto2";
package base.types;
enum Level { reserved 10 to max; reserved "TOP"; LOW = 1; MIDDLE = 2; HIGH = 3; }
message Ack { optional bool ok = 1; optional Level level = 2 [default = MIDDLE]; }
"""
EDITIONS = """edition = "2023";
package base;
import "base_types.proto";
service New { rpc Call(Request) returns (stream Answer); rpc Other(Answer) returns (types.Ack); }
message Request {
  reserved 9 to 12;
  reserved was;
  string id = 1;
  int32 depth = 2 [features.field_presence = IMPLICIT];
  int64 count = 3 [default = 5];
  Answer inner = 4 [features.message_encoding = DELIMITED];
  repeated int32 list = 5 [features.repeated_field_encoding = EXPANDED];
  types.Closed closed = 6;
  types.Open open = 7;
  string loose = 8 [features.utf8_validation = NONE];
}
message Answer {
  map<int64, Answer> tree = 1;
  oneof pick { string text = 2; Request request = 3; bytes raw = 4; }
  repeated Answer all = 5;
  uint64 big = 6;
}
"""
EDITIONS_TYPES = """edition = "2023";
package base.types;
enum Open { NONE = 0; SOME = 1; MANY = 2; }
enum Closed { option features.enum_type = CLOSED; FIRST = 1; SECOND = 2; }
message Ack { Open open = 1; Closed closed = 2 [default = SECOND]; }
"""


def compiled(main, types):
    """The two files of a template, without comments."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "base.proto").write_text(main)
        (folder / "base_types.proto").write_text(types)
        include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
        out = folder / "set"
        command = ["protoc", f"-I{folder}", f"-I{include}", f"--descriptor_set_out={out}", "base.proto", "base_types.proto"]
        assert protoc.main(command) == 0
        files = pb.FileDescriptorSet.FromString(out.read_bytes()).file
        return sorted(files, key=lambda file: file.name, reverse=True)


def renamed(files, name):
    """The files of a template with a package of their own."""
    data = [file.SerializeToString() for file in files]
    done = [pb.FileDescriptorProto.FromString(file) for file in data]
    for file in done:
        file.name = file.name.replace("base", name)
        file.package = file.package.replace("base", name, 1)
        for at, dependency in enumerate(file.dependency):
            file.dependency[at] = dependency.replace("base", name) if dependency.startswith("base") else dependency
        refer(file, lambda type_name: f".{name}." + type_name[6:] if type_name.startswith(".base.") else type_name)
    return done


def refer(file, change):
    """Changes every name of a type in a file."""
    for _, message in messages(file):
        for field in [*message.field, *message.extension]:
            refer_field(field, change)
    for field in file.extension:
        refer_field(field, change)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = change(method.input_type), change(method.output_type)


def refer_field(field, change):
    if field.type_name:
        field.type_name = change(field.type_name)
    if field.extendee:
        field.extendee = change(field.extendee)


def messages(container, scope=None):
    """(full name, message) of all messages, those of maps as well."""
    if isinstance(container, pb.FileDescriptorProto):
        scope, found = f".{container.package}", container.message_type
    else:
        found = container.nested_type
    for message in found:
        name = f"{scope}.{message.name}"
        yield name, message
        yield from messages(message, name)


def gather(message):
    """Puts the fields of each oneof one behind the other, as compilers do."""
    fields = list(message.field)
    alone = [field for field in fields if not field.HasField("oneof_index")]
    within = [field for field in fields if field.HasField("oneof_index")]
    ordered = [copy.deepcopy(field) for field in alone + sorted(within, key=lambda field: field.oneof_index)]
    del message.field[:]
    message.field.extend(ordered)


def enums(file):
    """(full name, enum, its container)."""
    for enum in file.enum_type:
        yield f".{file.package}.{enum.name}", enum, file
    for name, message in messages(file):
        for enum in message.enum_type:
            yield f"{name}.{enum.name}", enum, message


class Mutator:
    """Changes files in place; each method returns what it did, or None where it cannot."""

    def __init__(self, rng, files):
        self.rng, self.files = rng, files

    def pick(self, items):
        items = list(items)
        return self.rng.choice(items) if items else None

    def a_file(self):
        return self.rng.choice(self.files)

    def a_message(self, entries=False):
        found = [(name, message) for file in self.files for name, message in messages(file)]
        return self.rng.choice([pair for pair in found if entries or not pair[1].options.map_entry])

    def a_field(self, wanted=lambda field: True, entries=False):
        found = []
        for file in self.files:
            for name, message in messages(file):
                if entries or not message.options.map_entry:
                    found += [(name, message, field) for field in message.field if wanted(field)]
        return self.pick(found)

    def an_enum(self):
        return self.rng.choice([found for file in self.files for found in enums(file)])

    def is_map(self, message, field):
        last = field.type_name.rpartition(".")[2]
        return any(nested.name == last and nested.options.map_entry for nested in message.nested_type)

    def remove_field(self):
        name, message, field = self.a_field()
        how = self.rng.choice(["", "number", "name", "both"])
        number, called = field.number, field.name
        index = field.oneof_index if field.HasField("oneof_index") else None
        message.field.remove(field)
        if index is not None and not any(f.HasField("oneof_index") and f.oneof_index == index for f in message.field):
            del message.oneof_decl[index]
            for other in message.field:
                if other.HasField("oneof_index") and other.oneof_index > index:
                    other.oneof_index -= 1
        if how in ("number", "both"):
            message.reserved_range.add(start=number, end=number + 1)
        if how in ("name", "both"):
            message.reserved_name.append(called)
        return f"remove {name}.{called} and reserve {how or 'nothing'}"

    def add_field(self):
        name, message = self.a_message()
        number = self.rng.choice([n for n in range(40, 99) if all(n != field.number for field in message.field)])
        label = self.rng.choice([F.LABEL_OPTIONAL, F.LABEL_REPEATED])
        field = message.field.add(name=f"added_{number}", number=number, label=label, type=self.rng.choice(SCALARS))
        field.json_name = f"added{number}"
        if self.files[0].syntax in ("", "proto2") and self.rng.random() < 0.4:
            field.label = F.LABEL_REQUIRED
        return f"add {name}.{field.name}"

    def change_type(self):
        name, _, field = self.a_field(lambda field: not field.type_name, entries=True)
        field.type = self.rng.choice(SCALARS)
        if self.rng.random() < 0.7:
            field.ClearField("default_value")
        if field.label == F.LABEL_REPEATED and field.type not in PACKABLE:
            field.options.ClearField("packed")
        return f"change the type of {name}.{field.name}"

    def to_related_type(self):
        groups = [
            [F.TYPE_INT32, F.TYPE_INT64, F.TYPE_UINT32, F.TYPE_UINT64, F.TYPE_BOOL], [F.TYPE_SINT32, F.TYPE_SINT64],
            [F.TYPE_STRING, F.TYPE_BYTES], [F.TYPE_FIXED32, F.TYPE_SFIXED32], [F.TYPE_FIXED64, F.TYPE_SFIXED64],
        ]  # fmt: skip
        name, _, field = self.a_field(lambda field: any(field.type in group for group in groups), entries=True)
        group = next(group for group in groups if field.type in group)
        field.type = self.rng.choice(group)
        if field.default_value in ("true", "x") or field.type == F.TYPE_BOOL:
            field.ClearField("default_value")
        return f"change {name}.{field.name} to a related type"

    def change_label(self):
        name, message, field = self.a_field(lambda field: not field.HasField("oneof_index"))
        if self.is_map(message, field):
            return None
        labels = [F.LABEL_OPTIONAL, F.LABEL_REPEATED]
        if self.files[0].syntax in ("", "proto2"):
            labels.append(F.LABEL_REQUIRED)
        field.label = self.rng.choice(labels)
        if field.label == F.LABEL_REPEATED:
            field.ClearField("default_value")
        else:
            field.options.ClearField("packed")
            field.options.features.ClearField("repeated_field_encoding")
        return f"change the label of {name}.{field.name}"

    def rename_field(self):
        name, message, field = self.a_field()
        if self.is_map(message, field) or field.type == F.TYPE_GROUP:
            return None
        old, field.name = field.name, f"{field.name}_new"
        field.json_name = field.name.replace("_new", "New")
        return f"rename {name}.{old}"

    def renumber_field(self):
        name, message, field = self.a_field()
        old, field.number = field.number, field.number + 40
        if self.rng.random() < 0.3:
            message.reserved_range.add(start=old, end=old + 1)
        return f"renumber {name}.{field.name}"

    def retarget_field(self):
        name, message, field = self.a_field(lambda field: field.type in (F.TYPE_MESSAGE, F.TYPE_ENUM), entries=True)
        if self.is_map(message, field):
            return None
        if field.type == F.TYPE_ENUM:
            field.type_name = self.rng.choice([found[0] for file in self.files for found in enums(file)])
            field.ClearField("default_value")
        else:
            field.type_name = self.a_message()[0]
        return f"point {name}.{field.name} to {field.type_name}"

    def swap_kind(self):
        """Between messages, enums, integers and bytes."""
        name, message, field = self.a_field(entries=True)
        if self.is_map(message, field) or field.type == F.TYPE_GROUP:
            return None
        field.ClearField("default_value")
        field.type = self.rng.choice([F.TYPE_MESSAGE, F.TYPE_ENUM, F.TYPE_BYTES, F.TYPE_INT32])
        field.ClearField("type_name")
        if field.type == F.TYPE_MESSAGE:
            field.type_name = self.a_message()[0]
        elif field.type == F.TYPE_ENUM:
            field.type_name = self.an_enum()[0]
        if field.type not in PACKABLE:
            field.options.ClearField("packed")
        return f"make something else of {name}.{field.name}"

    def move_oneof(self):
        name, message, field = self.a_field(lambda field: field.label == F.LABEL_OPTIONAL and not field.proto3_optional)
        if field.HasField("oneof_index"):
            index = field.oneof_index
            if sum(other.HasField("oneof_index") and other.oneof_index == index for other in message.field) < 2:
                return None
            field.ClearField("oneof_index")
            gather(message)
            return f"move {name}.{field.name} out of its oneof"
        synthetic = {other.oneof_index for other in message.field if other.proto3_optional}
        real = [at for at in range(len(message.oneof_decl)) if at not in synthetic]
        if not real:
            return None
        field.ClearField("default_value")
        field.options.features.ClearField("field_presence")
        field.oneof_index = self.rng.choice(real)
        gather(message)
        return f"move {name}.{field.name} into a oneof"

    def rename_oneof(self):
        found = []
        for file in self.files:
            for name, message in messages(file):
                synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
                found += [(name, oneof) for at, oneof in enumerate(message.oneof_decl) if at not in synthetic]
        name, oneof = self.rng.choice(found)
        oneof.name += "_new"
        return f"rename oneof {name}.{oneof.name}"

    def change_enum(self):
        name, enum, _ = self.an_enum()
        value = self.rng.choice(enum.value)
        how = self.rng.choice(["remove", "remove", "add", "rename", "renumber", "alias", "reorder"])
        if how == "remove":
            enum.value.remove(value)
            if self.rng.random() < 0.4:
                enum.reserved_range.add(start=value.number, end=value.number)
            if self.rng.random() < 0.4:
                enum.reserved_name.append(value.name)
        elif how == "add":
            enum.value.add(name=f"ADDED_{enum.name.upper()}", number=self.rng.choice([30, 4, 9, -1]))
        elif how == "rename":
            value.name += "_NEW"
        elif how == "renumber":
            value.number += 40
        elif how == "alias":
            enum.options.allow_alias = True
            enum.value.add(name=f"ALIAS_{enum.name.upper()}", number=value.number)
        else:
            values = list(enum.value)
            self.rng.shuffle(values)
            del enum.value[:]
            enum.value.extend(values)
        return f"{how} a value of {name}"

    def change_reserved(self):
        found = [message for file in self.files for _, message in messages(file)]
        found += [enum for file in self.files for _, enum, _ in enums(file)]
        of = self.pick(of for of in found if of.reserved_range or of.reserved_name)
        if of is None:
            return None
        how = self.rng.choice(["name", "range", "shrink", "split", "extend", "add"])
        if how == "name" and of.reserved_name:
            del of.reserved_name[self.rng.randrange(len(of.reserved_name))]
        elif how == "add" or not of.reserved_range:
            of.reserved_name.append("added_here")
        else:
            at = self.rng.randrange(len(of.reserved_range))
            span = of.reserved_range[at]
            width = 2 if isinstance(of, pb.DescriptorProto) else 1
            if how == "shrink" and span.end - span.start >= width:
                span.start += 1
            elif how == "split" and span.end - span.start >= 3:
                middle, end = span.start + 2, span.end
                span.end = middle if width == 2 else middle - 1
                of.reserved_range.add(start=middle if self.rng.random() < 0.5 else middle + 1, end=end)
            elif how == "extend" and span.start > 3:
                span.start -= 1
            else:
                del of.reserved_range[at]
        return f"{how}: change what {of.name} reserves"

    def change_default(self):
        name, _, field = self.a_field(
            lambda field: not field.type_name and field.label == F.LABEL_OPTIONAL and field.type not in (F.TYPE_BYTES,)
        )
        if field.HasField("default_value") and self.rng.random() < 0.4:
            field.ClearField("default_value")
        elif field.type == F.TYPE_BOOL:
            field.default_value = self.rng.choice(["true", "false"])
        elif field.type == F.TYPE_STRING:
            field.default_value = self.rng.choice(["", "x", "y"])
        else:
            field.default_value = self.rng.choice(["0", "1", "3", "5", "7"])
        return f"change the default of {name}.{field.name}"

    def change_method(self):
        service = self.rng.choice([service for file in self.files for service in file.service])
        method = self.rng.choice(service.method)
        how = self.rng.choice(["request", "answer", "client", "server", "idempotency", "delete"])
        if how == "request":
            method.input_type = self.a_message()[0]
        elif how == "answer":
            method.output_type = self.a_message()[0]
        elif how == "client":
            method.client_streaming = not method.client_streaming
        elif how == "server":
            method.server_streaming = not method.server_streaming
        elif how == "idempotency":
            method.options.idempotency_level = self.rng.randrange(3)
        else:
            service.method.remove(method)
        return f"change method {method.name}: {how}"

    def rename_type(self):
        if self.rng.random() < 0.5:
            name, of = self.a_message()
        else:
            name, of, _ = self.an_enum()
        old, of.name = name, f"{of.name}New"
        new = f"{name}New"

        def change(type_name):
            return new + type_name[len(old) :] if type_name == old or type_name.startswith(old + ".") else type_name

        for file in self.files:
            refer(file, change)
        return f"rename {old}"

    def move_enum(self):
        """To the top of its file: its short name stays."""
        file = self.a_file()
        found = self.pick((name, enum, of) for name, enum, of in enums(file) if of is not file)
        if found is None:
            return None
        old, enum, container = found
        moved = copy.deepcopy(enum)
        container.enum_type.remove(enum)
        if self.rng.random() < 0.5:
            moved.value.add(name="ADDED_WHEN_MOVED", number=77)
        if self.rng.random() < 0.3:
            moved.value.remove(moved.value[-1])
        if self.rng.random() < 0.2:
            moved.name += "Moved"
        file.enum_type.append(moved)
        for other in self.files:
            refer(other, lambda name: f".{file.package}.{moved.name}" if name == old else name)
        return f"move {old}"

    def toggle_presence(self):
        if self.files[0].syntax == "editions":
            name, message, field = self.a_field(
                lambda field: field.label == F.LABEL_OPTIONAL and not field.type_name and not field.HasField("oneof_index")
            )
            field.ClearField("default_value")
            field.options.features.field_presence = self.rng.choice([1, 2])
            return f"change the presence of {name}.{field.name}"
        if self.files[0].syntax != "proto3":
            return None
        name, message, field = self.a_field(lambda field: field.label == F.LABEL_OPTIONAL and not field.HasField("oneof_index"))
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{field.name}")
        return f"give {name}.{field.name} presence"

    def change_features(self):
        if self.files[0].syntax != "editions":
            return None
        name, message, field = self.a_field()
        how = self.rng.choice(["delimited", "prefixed", "utf8", "file", "enum"])
        if how in ("delimited", "prefixed") and field.type == F.TYPE_MESSAGE and not self.is_map(message, field):
            field.options.features.message_encoding = 2 if how == "delimited" else 1
        elif how == "file":
            self.a_file().options.features.message_encoding = 2
        elif how == "enum":
            self.an_enum()[1].options.features.enum_type = self.rng.choice([1, 2])
        elif field.type == F.TYPE_STRING:
            field.options.features.utf8_validation = self.rng.choice([2, 3])
        else:
            return None
        return f"change features ({how}) of {name}.{field.name}"

    def unmap(self):
        """A map becomes a repeated message of the same form, or gets another key."""
        name, message, field = self.a_field()
        if not self.is_map(message, field):
            return None
        entry = next(nested for nested in message.nested_type if nested.name == field.type_name.rpartition(".")[2])
        entry.options.ClearField("map_entry")
        return f"make a list of the map {name}.{field.name}"

    def change_extension(self):
        file = self.a_file()
        field = self.pick(file.extension)
        if field is None:
            return None
        how = self.rng.choice(["type", "label", "default", "rename", "delete"])
        if how == "type" and not field.type_name:
            field.type = self.rng.choice([F.TYPE_INT32, F.TYPE_INT64, F.TYPE_STRING, F.TYPE_SINT32])
            field.ClearField("default_value")
        elif how == "label":
            field.label = self.rng.choice([F.LABEL_OPTIONAL, F.LABEL_REPEATED])
            field.ClearField("default_value")
        elif how == "default" and field.label == F.LABEL_OPTIONAL and field.type == F.TYPE_INT32:
            field.default_value = self.rng.choice(["3", "4"])
        elif how == "rename":
            field.name += "_new"
            field.json_name += "New"
        else:
            file.extension.remove(field)
        return f"change an extension: {how}"

    def change_package(self):
        file = self.a_file()
        old, file.package = file.package, f"{file.package}.v2"
        for other in self.files:

            def change(name):
                inner = any(name.startswith(f".{f.package}.") for f in self.files if f is not file and f.package.startswith(old))
                return name.replace(f".{old}.", f".{old}.v2.", 1) if name.startswith(f".{old}.") and not inner else name

            refer(other, change)
        return f"change the package {old}"


MUTATIONS = [
    Mutator.remove_field, Mutator.remove_field, Mutator.add_field, Mutator.change_type, Mutator.change_type,
    Mutator.to_related_type, Mutator.change_label, Mutator.rename_field, Mutator.renumber_field, Mutator.retarget_field,
    Mutator.swap_kind, Mutator.move_oneof, Mutator.rename_oneof, Mutator.change_enum, Mutator.change_enum,
    Mutator.change_reserved, Mutator.change_default, Mutator.change_method, Mutator.rename_type, Mutator.move_enum,
    Mutator.toggle_presence, Mutator.change_features, Mutator.unmap, Mutator.change_extension, Mutator.change_package,
]  # fmt: skip


def is_valid(files):
    """Whether protobuf's own library takes the files."""
    pool = descriptor_pool.DescriptorPool()
    google = descriptor_pool.Default().FindFileByName("google/protobuf/timestamp.proto")
    try:
        pool.AddSerializedFile(google.serialized_pb)
        for file in sorted(files, key=lambda file: len(file.dependency)):
            pool.AddSerializedFile(file.SerializeToString())
    except (TypeError, ValueError):
        return False
    for file in files:
        for _, message in messages(file):
            # What protobuf's library lets pass, and compilers do not.
            numbers = [field.number for field in message.field]
            names = [field.name for field in message.field]
            spans = sorted((span.start, span.end) for span in message.reserved_range)
            overlaps = any(one[1] > other[0] for one, other in zip(spans, spans[1:]))
            taken = any(start <= number < end for number in numbers for start, end in spans)
            taken = taken or any(name in message.reserved_name for name in names) or len(set(numbers)) < len(numbers)
            twice = len(set(message.reserved_name)) < len(message.reserved_name)
            groups = [field for field in message.field if field.type == F.TYPE_GROUP]
            twice = twice or any(field.type_name.rpartition(".")[2].lower() != field.name for field in groups)
            if overlaps or taken or twice:
                return False
        for _, enum, _ in enums(file):
            numbers = [value.number for value in enum.value]
            spans = sorted((span.start, span.end) for span in enum.reserved_range)
            overlaps = any(one[1] >= other[0] for one, other in zip(spans, spans[1:]))
            taken = any(start <= number <= end for number in numbers for start, end in spans)
            taken = taken or any(value.name in enum.reserved_name for value in enum.value)
            aliased = len(set(numbers)) < len(numbers)
            if overlaps or taken or (aliased and not enum.options.allow_alias):
                return False
            if not aliased and enum.options.allow_alias:
                return False
            if len(set(enum.reserved_name)) < len(enum.reserved_name):
                return False
    return True


def pairs(seed, count):
    """`count` pairs of an old schema and a mutant of it; the same for the same seed."""
    import google.protobuf.timestamp_pb2  # noqa: F401, PLC0415  # pylint: disable=unused-import,import-outside-toplevel

    rng = random.Random(seed)
    templates = [compiled(*sources) for sources in ((PROTO3, PROTO3_TYPES), (PROTO2, PROTO2_TYPES), (EDITIONS, EDITIONS_TYPES))]
    made = 0
    while made < count:
        old = renamed(rng.choice(templates), f"m{made:04}")
        new = [pb.FileDescriptorProto.FromString(file.SerializeToString()) for file in old]
        mutator, done = Mutator(rng, new), []
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            change = rng.choice(MUTATIONS)(mutator)
            if change is not None:
                done.append(change)
        if is_valid(new):
            made += 1
            yield "; ".join(done) or "nothing", old, new
