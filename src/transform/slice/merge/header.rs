//! The header of a merged capture.

use std::collections::BTreeSet;

use crate::{
    file::{Attribute, Header, SliceOf},
    grpc::protobuf::{Fields, put_delimited},
};

/// Merges the headers, and lists their contradictions.
pub(super) fn join(anchor_unix_ns: u64, sources: &[&Header]) -> (Header, Vec<String>) {
    let (mut header, mut conflicts) = (Header::new(anchor_unix_ns), Vec::new());
    let mut done = BTreeSet::new();
    let names = sources
        .iter()
        .flat_map(|source| &source.attributes)
        .map(|(name, _)| name.as_str());
    for name in names.filter(|name| done.insert((*name).to_owned())) {
        match name {
            Attribute::DESCRIPTOR_SET => {
                let (set, differ) = descriptors(sources);
                header.set_descriptor_set(&set);
                conflicts.extend(differ);
            }
            Attribute::SLICE => slice(&mut header, sources),
            Attribute::DESCRIPTOR_SHA256 => {}
            _ => attribute(&mut header, name, sources, &mut conflicts),
        }
    }
    (header, conflicts)
}

fn attribute(header: &mut Header, name: &str, sources: &[&Header], conflicts: &mut Vec<String>) {
    let values: Vec<_> = sources.iter().map(|source| source.get(name)).collect();
    let first = values.first().copied().flatten();
    if let Some(value) = first
        && values.iter().all(|other| *other == first)
    {
        header.set(name, value);
        return;
    }
    for (number, value) in (1..).zip(&values) {
        if let Some(value) = value {
            header.set(format!("merged.{number}.{name}"), *value);
        }
    }
    if name == Attribute::TIMING {
        // Some offsets tell nothing of a delivery, so that none may be judged as if all did.
        header.set(Attribute::TIMING, "rows");
    }
    let have = values.iter().filter(|value| value.is_some()).count();
    let how = if have < values.len() {
        "not in all of them"
    } else {
        "not the same"
    };
    conflicts.push(format!("{name} is {how}"));
}

/// Merges the origins of slices: a capture with a slice is a slice.
fn slice(header: &mut Header, sources: &[&Header]) {
    let slices: Vec<_> = sources.iter().filter_map(|source| source.slice()).collect();
    for (number, source) in (1..).zip(sources) {
        if let Some(value) = source.get(Attribute::SLICE) {
            header.set(format!("merged.{number}.{}", Attribute::SLICE), value);
        }
    }
    let sensors = slices.first().and_then(|first| first.sensors.clone());
    header.set_slice(&SliceOf {
        of: None,
        range: "merged".to_owned(),
        origin_ns: slices.iter().map(|slice| slice.origin_ns).max().unwrap_or(0),
        calls_left_out: slices.iter().map(|slice| slice.calls_left_out).sum(),
        sensors: sensors.filter(|sensors| slices.iter().all(|slice| slice.sensors.as_ref() == Some(sensors))),
        ..SliceOf::default()
    });
}

/// Merges the files of all descriptor sets, each once; of two files of the same name, the first counts.
fn descriptors(sources: &[&Header]) -> (Vec<u8>, Vec<String>) {
    let (mut set, mut known, mut conflicts) = (Vec::new(), Vec::<(Vec<u8>, Vec<u8>)>::new(), Vec::new());
    for source in sources {
        let Some(bytes) = source.get(Attribute::DESCRIPTOR_SET) else {
            continue;
        };
        let mut files = Fields::new("FileDescriptorSet", bytes);
        while let Ok(Some(file)) = files.next_field() {
            let Ok(file) = file.bytes() else { continue };
            let name = name(file).unwrap_or_default();
            match known.iter().find(|(other, _)| *other == name) {
                None => {
                    put_delimited(&mut set, 1, file);
                    known.push((name, file.to_vec()));
                }
                Some((_, other)) if other == file => {}
                Some(_) => conflicts.push(format!(
                    "the schemas {} differ; the first one is used",
                    String::from_utf8_lossy(&name)
                )),
            }
        }
    }
    (set, conflicts)
}

/// The name of a `FileDescriptorProto`.
fn name(file: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields::new("FileDescriptorProto", file);
    while let Ok(Some(field)) = fields.next_field() {
        if field.number == 1 {
            return field.bytes().ok().map(<[u8]>::to_vec);
        }
    }
    None
}
