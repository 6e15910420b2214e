use prost_reflect::{
    Value,
    prost_types::{
        EnumDescriptorProto, FieldDescriptorProto, FieldOptions, FileDescriptorSet, MessageOptions,
        MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto,
        field_descriptor_proto::{Label, Type},
    },
};

use super::{strip::MAX_DEFINITIONS, *};
use crate::das::proto::FOCUS_DESCRIPTOR_SET;

/// `protoc --descriptor_set_out` of a file of edition 2023, without its import of timestamp.proto: presence, packing,
/// a delimited message, a map, a closed enum that begins with 1, a oneof.
const EDITION: &str = "0aa8030a0865642e70726f746f120265641a1f676f6f676c652f70726f746f6275662f74696d657374616d702e70726f746f229f020a014d120c0a016118012001280552016112130a01621802200128054205aa01020802520162120c0a017018032003280552017012130a01781804200328054205aa01021802520178121e0a016718052001280b32092e65642e496e6e65724205aa01022802520167121a0a016d18062003280b320c2e65642e4d2e4d456e74727952016d12180a016318072001280e320a2e65642e436c6f736564520163120e0a0171180920012805480052017112280a0174180a2001280b321a2e676f6f676c652e70726f746f6275662e54696d657374616d705201741a3f0a064d456e74727912100a036b657918012001280952036b6579121f0a0576616c756518022001280b32092e65642e496e6e6572520576616c75653a02380142030a016f22150a05496e6e6572120c0a01731801200128095201732a170a06436c6f73656412070a034f4e4510011a043a02100232180a015312130a015512052e65642e4d1a052e65642e4d3001620865646974696f6e7370e807";
/// A message of it, as Python's protobuf encodes it.
const EDITION_MESSAGE: &str = "08001a020102200320042b0a01672c32080a016b12030a01763801480052020801";
/// A file of edition 2023 whose own features are implicit presence and delimited messages, with exceptions.
const IMPLICIT: &str = "0a88020a0e696d706c696369742e70726f746f1202696d2294010a014d120c0a016118012001280552016112130a01621802200128054205aa0102080152016212130a016e18032001280b32052e696d2e4e52016e121a0a016d18042003280b320c2e696d2e4d2e4d456e74727952016d1a3b0a064d456e74727912100a036b657918012001280552036b6579121b0a0576616c756518022001280b32052e696d2e4e520576616c75653a023801222d0a014e121a0a016e18012001280b32052e696d2e4e4205aa0102280152016e120c0a017618022001280552017632160a015312110a015512052e696d2e4d1a052e696d2e4d420792030408022802620865646974696f6e7370e807";
const IMPLICIT_MESSAGE: &str = "10001b0a02100610051c2206080112021007";

fn hex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn json(descriptors: &Descriptors, message: &str, bytes: &[u8]) -> String {
    let descriptor = descriptors.pool.get_message_by_name(message).unwrap();
    serde_json::to_string(&decode(descriptor, bytes).unwrap()).unwrap()
}

fn set(files: impl IntoIterator<Item = FileDescriptorProto>) -> Vec<u8> {
    let file = files.into_iter().collect();
    FileDescriptorSet { file }.encode_to_vec()
}

/// `package.proto` with a message `M` of these fields.
fn with(package: &str, fields: Vec<FieldDescriptorProto>) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(format!("{package}.proto")),
        package: Some(package.to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![message("M", fields)],
        ..FileDescriptorProto::default()
    }
}

fn message(name: &str, field: Vec<FieldDescriptorProto>) -> DescriptorProto {
    DescriptorProto {
        name: Some(name.to_owned()),
        field,
        ..DescriptorProto::default()
    }
}

fn field(number: i32, of: Type, type_name: &str) -> FieldDescriptorProto {
    let mut field = FieldDescriptorProto {
        name: Some(format!("f{number}")),
        number: Some(number),
        type_name: (!type_name.is_empty()).then(|| type_name.to_owned()),
        ..FieldDescriptorProto::default()
    };
    field.set_type(of);
    field.set_label(Label::Optional);
    field
}

fn service(input: &str) -> ServiceDescriptorProto {
    let method = |name: &str, input: &str| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(input.to_owned()),
        output_type: Some(".a.M".to_owned()),
        ..MethodDescriptorProto::default()
    };
    ServiceDescriptorProto {
        name: Some("S".to_owned()),
        method: vec![method("Good", ".a.M"), method("Bad", input)],
        ..ServiceDescriptorProto::default()
    }
}

fn left_out(read: &Descriptors) -> Vec<&str> {
    read.left_out.iter().map(|part| part.what.as_str()).collect()
}

#[test]
fn files_of_an_edition_are_read() {
    let read = Descriptors::read(&hex(EDITION)).unwrap();
    assert_eq!(read.left_out, []);
    assert_eq!(
        json(&read, "ed.M", &hex(EDITION_MESSAGE)),
        r#"{"a":0,"p":[1,2],"x":[3,4],"g":{"s":"g"},"m":{"k":{"s":"v"}},"c":"ONE","q":0,"t":"1970-01-01T00:00:01Z"}"#
    );
    let read = Descriptors::read(&hex(IMPLICIT)).unwrap();
    assert_eq!(read.left_out, []);
    assert_eq!(
        json(&read, "im.M", &hex(IMPLICIT_MESSAGE)),
        r#"{"b":0,"n":{"n":{"v":6},"v":5},"m":{"1":{"v":7}}}"#
    );
    // And back, byte for byte.
    for (set, name, bytes) in [(EDITION, "ed.M", EDITION_MESSAGE), (IMPLICIT, "im.M", IMPLICIT_MESSAGE)] {
        let pool = Descriptors::read(&hex(set)).unwrap().pool;
        let message = decode(pool.get_message_by_name(name).unwrap(), &hex(bytes)).unwrap();
        assert_eq!(message.encode_to_vec(), hex(bytes));
    }
}

#[test]
fn an_edition_that_is_not_known_is_left_out_and_the_rest_is_kept() {
    let mut future = hex(EDITION);
    let edition = future.len() - 2..;
    future[edition].copy_from_slice(&[0xe8, 0x17]);
    future.extend(set([with("a", vec![field(1, Type::String, "")])]));
    // What uses it goes as well; what does not, stays.
    future.extend(set([with("b", vec![field(1, Type::Message, ".ed.M")])]));
    let read = Descriptors::read(&future).unwrap();
    assert_eq!(left_out(&read), ["ed.proto", "b.proto"]);
    assert_eq!(read.files, 1);
    assert_eq!(json(&read, "a.M", b"\x0a\x01x"), r#"{"f1":"x"}"#);
    let warning = read.warning().unwrap();
    assert!(warning.contains("ed.proto (edition 3048"), "{warning}");
}

#[test]
fn a_missing_type_costs_the_method_or_the_file_that_needs_it() {
    let mut a = with("a", vec![field(1, Type::Int32, "")]);
    a.service.push(service(".gone.M"));
    a.dependency.push("gone.proto".to_owned());
    let b = with("b", vec![field(1, Type::Message, ".gone.M")]);
    let c = with("c", vec![field(1, Type::Message, "b.M")]);
    let read = Descriptors::read(&set([c, b, a])).unwrap();
    assert_eq!(left_out(&read), ["a.S.Bad", "b.proto", "c.proto"]);
    let methods: Vec<_> = read.pool.get_service_by_name("a.S").unwrap().methods().collect();
    assert_eq!(methods.len(), 1);
    assert_eq!(methods[0].name(), "Good");
}

#[test]
fn imports_that_go_round_or_are_public_many_times_over_do_no_harm() {
    let mut a = with("a", vec![field(1, Type::Message, ".b.M")]);
    let mut b = with("b", vec![field(1, Type::Message, ".a.M")]);
    a.dependency = vec!["b.proto".to_owned(); 40];
    b.dependency = vec!["a.proto".to_owned(); 40];
    a.public_dependency = (0..40).collect();
    b.public_dependency = (0..40).collect();
    let read = Descriptors::read(&set([a, b])).unwrap();
    assert_eq!((read.files, left_out(&read).len()), (2, 0));
    assert_eq!(json(&read, "a.M", b"\x0a\x02\x0a\x00"), r#"{"f1":{"f1":{}}}"#);
}

#[test]
fn types_of_imports_of_imports_are_found() {
    let mut a = with("a", vec![field(1, Type::Message, ".d.M")]);
    a.dependency.push("b.proto".to_owned());
    let through = |package: &str, next: &str| {
        let mut file = with(package, Vec::new());
        file.dependency.push(next.to_owned());
        file.public_dependency.push(0);
        file
    };
    let files = [
        a,
        through("b", "c.proto"),
        through("c", "d.proto"),
        with("d", Vec::new()),
    ];
    let read = Descriptors::read(&set(files)).unwrap();
    assert_eq!((read.files, left_out(&read).len()), (4, 0));
}

#[test]
fn what_the_library_would_panic_at_is_mended_or_left_out() {
    // A map whose key is a double, one without a value, and a default that overflows an octal digit.
    let map = |key: Type, fields: usize| {
        let mut entry = message("E", vec![field(1, key, ""), field(2, Type::Int32, "")]);
        entry.field.truncate(fields);
        entry.options = Some(MessageOptions {
            map_entry: Some(true),
            ..MessageOptions::default()
        });
        let mut holder = field(1, Type::Message, ".a.M.E");
        holder.set_label(Label::Repeated);
        let mut file = with("a", vec![holder]);
        file.message_type[0].nested_type.push(entry);
        file
    };
    let mut octal = field(1, Type::Bytes, "");
    octal.default_value = Some("\\777\\x\u{e9}".to_owned());
    for file in [
        map(Type::Double, 2),
        map(Type::String, 1),
        map(Type::String, 0),
        with("a", vec![octal]),
    ] {
        let read = Descriptors::read(&set([file])).unwrap();
        assert_eq!(left_out(&read).len(), 0);
        json(&read, "a.M", b"\x0a\x00");
    }
    // A syntax that is said to be nothing is proto2, as one that is not said.
    let mut empty_syntax = with("a", vec![field(1, Type::Int32, "")]);
    empty_syntax.syntax = Some(String::new());
    let read = Descriptors::read(&set([empty_syntax])).unwrap();
    assert_eq!(left_out(&read).len(), 0);
    // A oneof, a syntax and an enum that are not there; two fields of one number; a name with dots.
    let mut of_oneof = field(1, Type::Int32, "");
    of_oneof.oneof_index = Some(1);
    let mut one = with("a", vec![of_oneof]);
    one.message_type[0].oneof_decl.push(OneofDescriptorProto::default());
    let mut syntax = with("a", Vec::new());
    syntax.syntax = Some("proto4".to_owned());
    let mut empty = with("a", Vec::new());
    empty.enum_type.push(EnumDescriptorProto {
        name: Some("E".to_owned()),
        ..EnumDescriptorProto::default()
    });
    let mut dots = with("a", Vec::new());
    dots.message_type[0].name = Some("x.M".to_owned());
    let twice = with("a", vec![field(1, Type::Int32, ""), field(1, Type::Int32, "")]);
    for bad in [one, syntax, empty, dots, twice] {
        let read = Descriptors::read(&set([bad, with("b", Vec::new())])).unwrap();
        assert_eq!((left_out(&read), read.files), (vec!["a.proto"], 1));
    }
}

#[test]
fn well_known_types_are_the_ones_that_the_library_knows() {
    // One of its own under another file name is not taken for them; nor is a false copy under theirs.
    let own = |name: &str| {
        let mut file = with("google.protobuf", vec![field(1, Type::String, "")]);
        file.name = Some(name.to_owned());
        file.message_type[0].name = Some("Timestamp".to_owned());
        file
    };
    for name in ["google/protobuf/timestamp.proto", "vendored/timestamp.proto"] {
        let user = with("a", vec![field(1, Type::Message, ".google.protobuf.Timestamp")]);
        let read = Descriptors::read(&set([own(name), user])).unwrap();
        assert_eq!(left_out(&read).len(), 0);
        assert_eq!(
            json(&read, "a.M", b"\x0a\x02\x08\x01"),
            r#"{"f1":"1970-01-01T00:00:01Z"}"#
        );
    }
}

#[test]
fn a_set_of_very_many_definitions_is_left_out_before_it_is_decoded() {
    let mut many = message("M", Vec::new());
    many.nested_type = vec![DescriptorProto::default(); MAX_DEFINITIONS];
    let mut file = with("a", Vec::new());
    file.message_type = vec![many];
    let read = Descriptors::read(&set([file, with("b", Vec::new())])).unwrap();
    assert_eq!(left_out(&read)[0], "a.proto");
    let deep = (0..40).fold(message("M", Vec::new()), |inner, _| DescriptorProto {
        nested_type: vec![inner],
        ..message("M", Vec::new())
    });
    let mut file = with("a", Vec::new());
    file.message_type = vec![deep];
    let read = Descriptors::read(&set([file, with("b", Vec::new())])).unwrap();
    assert_eq!((left_out(&read), read.files), (vec!["a.proto"], 1));
    let large = vec![0; MAX_SET_BYTES + 1];
    assert_eq!(
        Descriptors::read(&large).unwrap_err(),
        DescriptorError::TooLarge(large.len())
    );
}

#[test]
fn a_message_that_would_take_too_much_is_refused_before_it_is_decoded() {
    let mut numbers = field(1, Type::Int32, "");
    numbers.set_label(Label::Repeated);
    numbers.options = Some(FieldOptions::default());
    let mut messages = field(2, Type::Message, ".a.M");
    messages.set_label(Label::Repeated);
    let read = Descriptors::read(&set([with("a", vec![numbers, messages])])).unwrap();
    let descriptor = read.pool.get_message_by_name("a.M").unwrap();
    let mut fine = Vec::new();
    put_bytes(&mut fine, 1, &vec![1; 1 << 20]);
    let decoded = decode(descriptor.clone(), &fine).unwrap();
    assert!(matches!(&*decoded.get_field_by_name("f1").unwrap(), Value::List(list) if list.len() == 1 << 20));
    let mut bomb = Vec::new();
    put_bytes(&mut bomb, 1, &vec![1; 4 << 20]);
    let error = decode(descriptor.clone(), &bomb).unwrap_err();
    assert!(error.contains("128 MiB"), "{error}");
    assert!(decode(descriptor.clone(), &b"\x12\x00".repeat(4 << 20)).is_err());
    // Bytes that are no message keep the decoder's own words.
    let error = decode(descriptor, b"\x0a\x05\x01").unwrap_err();
    assert!(!error.contains("128 MiB"), "{error}");
}

#[test]
fn two_sets_become_one_byte_for_byte() {
    let joined = join(&[&hex(EDITION), FOCUS_DESCRIPTOR_SET, &hex(EDITION)]).unwrap();
    assert!(joined.starts_with(&hex(EDITION)));
    let read = Descriptors::read(&joined).unwrap();
    assert_eq!((read.files, left_out(&read).len()), (3, 0));
    // With the import that the set of the edition lacked, so that other tools can read it.
    let names: Vec<_> = split(&joined).unwrap().into_iter().map(file_name).collect();
    assert!(
        names.contains(&"google/protobuf/timestamp.proto".to_owned()),
        "{names:?}"
    );
    assert!(join(&[b"\x0a\xff"]).is_err());
    assert_eq!(readable(&joined).unwrap(), joined);
}

#[test]
fn damaged_sets_never_panic() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let mut a = with("a", vec![field(1, Type::Message, ".b.M"), field(2, Type::Enum, "E")]);
    a.service.push(service(".b.M"));
    let sets = [
        hex(EDITION),
        hex(IMPLICIT),
        FOCUS_DESCRIPTOR_SET.to_vec(),
        set([a, with("b", Vec::new())]),
    ];
    let mut read_some = 0;
    for _ in 0..3000 {
        let mut set = sets[random(sets.len())].clone();
        for _ in 0..=random(4) {
            let at = random(set.len());
            set[at] = match random(3) {
                0 => random(256) as u8,
                1 => set[random(set.len())],
                _ => set[at] ^ 1 << random(8),
            };
        }
        let Ok(read) = Descriptors::read(&set) else { continue };
        for message in read
            .pool
            .all_messages()
            .filter(|message| message.package_name() != "google.protobuf")
        {
            read_some += 1;
            for bytes in [hex(EDITION_MESSAGE), hex(IMPLICIT_MESSAGE)] {
                if let Ok(decoded) = decode(message.clone(), &bytes) {
                    let _ = serde_json::to_string(&decoded);
                    decoded.encode_to_vec();
                }
            }
        }
    }
    assert!(read_some > 3000, "{read_some}");
}
