use super::*;

/// Field 1 of a set: a file with these names, declared as `FileNames` reads them.
fn file(name: &str, imports: &[&str], services: &[&str], messages: &[&str], extends: &[&str]) -> FileNames {
    let named = |name: &&str| MessageNames {
        name: (*name).to_owned(),
        ..MessageNames::default()
    };
    FileNames {
        name: name.to_owned(),
        package: "t".to_owned(),
        imports: imports.iter().map(|name| (*name).to_owned()).collect(),
        messages: messages.iter().map(named).collect(),
        services: services
            .iter()
            .map(|name| ServiceName {
                name: (*name).to_owned(),
            })
            .collect(),
        extensions: extends
            .iter()
            .map(|name| Extension {
                extendee: (*name).to_owned(),
            })
            .collect(),
    }
}

fn set(files: &[FileNames]) -> Vec<u8> {
    let mut set = Vec::new();
    for file in files {
        set.push(FILE_KEY);
        set.extend(file.encode_length_delimited_to_vec());
    }
    set
}

fn names(set: Option<Vec<u8>>) -> Vec<String> {
    let files = split(&set.unwrap_or_default().into()).unwrap();
    let name = |raw: Bytes| FileNames::decode_length_delimited(&raw[1..]).unwrap().name;
    files.into_iter().map(name).collect()
}

fn schema(files: &[FileNames]) -> SchemaFiles {
    let mut schema = SchemaFiles::default();
    schema.add(&set(files)).unwrap();
    schema
}

#[test]
fn a_call_brings_the_files_that_it_needs_once() {
    let mut schema = schema(&[
        file("base", &[], &[], &["M"], &[]),
        file("a", &["base", "not/there"], &["A"], &[], &[]),
        file("b", &["base", "c"], &["B"], &[], &[]),
        file("c", &["b"], &[], &[], &[]),
        file("never", &[], &["N"], &[], &[]),
    ]);
    assert_eq!(schema.due([]), None);
    assert_eq!(schema.due(["/t.X/Y", "t.A/Y", "/t.A", "", "/"]), None);
    assert_eq!(names(schema.due(["/t.A/Get"])), ["base", "a"]);
    assert_eq!(schema.due(["/t.A/Get", "/t.A/Put"]), None);
    assert_eq!(names(schema.due(["/t.A/Get", "/t.B/Get"])), ["b", "c"]);
    assert_eq!(schema.due(["/t.B/Get"]), None);
}

#[test]
fn what_extends_a_message_comes_with_it_and_what_extends_options_does_not() {
    let mut schema = schema(&[
        file("a", &[], &["A"], &["M"], &[]),
        file("extends", &["a", "more"], &[], &[], &[".t.M"]),
        file("more", &[], &[], &[], &[]),
        file("options", &["a"], &[], &[], &[".google.protobuf.FieldOptions"]),
        file("other", &["a"], &[], &["O"], &[".t.O"]),
    ]);
    assert_eq!(names(schema.due(["/t.A/Get"])), ["a", "extends", "more"]);
}

#[test]
fn where_a_message_of_any_type_can_occur_all_files_are_needed() {
    let mut schema = schema(&[
        file("a", &["base"], &["A"], &[], &[]),
        file("base", &[ANY], &[], &[], &[]),
        file("other", &[], &["O"], &[], &[]),
    ]);
    assert_eq!(names(schema.due(["/t.A/Get"])), ["a", "base", "other"]);
    assert_eq!(schema.due(["/t.O/Get"]), None);
}

#[test]
fn the_first_of_two_files_of_a_name_counts() {
    let first = file("a", &[], &["A"], &[], &[]);
    let mut schema = schema(&[first.clone(), file("a", &[], &["A", "B"], &[], &[])]);
    schema.add(&set(&[file("a", &[], &["C"], &[], &[])])).unwrap();
    assert_eq!(schema.due(["/t.A/Get", "/t.B/Get", "/t.C/Get"]), Some(set(&[first])));
}

#[test]
fn what_cannot_be_read_is_kept_whatever_is_called() {
    for bytes in [&b"\xff"[..], b"\x0a\x05ab", b"\x12\x00", b"\x0a\x01\xff"] {
        let mut schema = SchemaFiles::default();
        schema.add(bytes).unwrap();
        assert_eq!(schema.due([]).as_deref(), Some(bytes));
        assert_eq!(schema.due(["/t.A/Get"]), None);
    }
}

#[test]
fn a_set_that_is_too_large_is_neither_written_nor_read() {
    let mut schema = SchemaFiles::default();
    schema.add(&vec![0; MAX_SCHEMA_BYTES]).unwrap();
    let error = schema.add(&[0]).unwrap_err().to_string();
    assert!(error.contains("over the format's limit"), "{error}");
    let content = encode(&[7; 1000]).unwrap();
    assert_eq!(decode(&content, 1000).unwrap(), [7; 1000]);
    assert!(decode(&content, 999).is_err());
    // What says less than it holds, and more.
    for len in [999_u64, 1001] {
        let lies = [&len.to_le_bytes()[..], &content[8..]].concat();
        assert!(decode(&lies, 2000).is_err(), "{len}");
    }
    assert!(decode(&content[..7], 1000).is_err());
}

#[test]
fn files_beyond_all_measure_are_not_told_apart() {
    let many = [FILE_KEY, 0].repeat(MAX_FILES + 1);
    let mut schema = SchemaFiles::default();
    schema.add(&many).unwrap();
    assert_eq!((schema.files.len(), schema.due([])), (1, Some(many)));
}
