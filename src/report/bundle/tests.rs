use std::io::{Cursor, Write as _};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::{archive::*, *};

fn zip(members: &[Member]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    write(&mut out, members).unwrap();
    out.into_inner()
}

fn verify(bytes: Vec<u8>) -> Result<Opened<Cursor<Vec<u8>>>, BundleError> {
    Opened::verify(Cursor::new(bytes), MAX_UNPACKED_BYTES)
}

/// An archive made by hand, with a manifest that lists `listed` rightly.
fn hostile(listed: &[(&str, &[u8])], build: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let entry = |(name, bytes): &(&str, &[u8])| Entry {
        name: (*name).to_owned(),
        size: bytes.len() as u64,
        sha256: crate::file::Digest::of(bytes).to_string(),
    };
    let manifest = Manifest {
        bundle: SCHEMA,
        tool: "me".to_owned(),
        members: listed.iter().map(entry).collect(),
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(MANIFEST, SimpleFileOptions::default()).unwrap();
    zip.write_all(&serde_json::to_vec(&manifest).unwrap()).unwrap();
    build(&mut zip);
    zip.finish().unwrap().into_inner()
}

#[test]
fn what_goes_in_comes_out_and_the_same_members_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    std::fs::write(&file, vec![7; 300_000]).unwrap();
    let members = [
        Member::text("README.md", "# hello\n".to_owned()),
        Member::file("slice.gcap", &file),
    ];
    let bytes = zip(&members);
    assert_eq!(bytes, zip(&members));
    let mut opened = verify(bytes).unwrap();
    assert_eq!(opened.text("README.md").as_deref(), Some("# hello\n"));
    assert_eq!(opened.text("nothing"), None);
    let out = folder.path().join("out/deeper");
    let files = opened.unpack(&out).unwrap();
    assert_eq!(files.len(), 3);
    assert_eq!(std::fs::read(out.join("slice.gcap")).unwrap(), vec![7; 300_000]);
    assert!(matches!(opened.unpack(&out), Err(BundleError::Occupied(_))));
}

#[test]
fn no_member_leads_out_of_the_folder() {
    for name in [
        "../evil", "/evil", "a/b", "..", "..\\evil", "C:evil", ".ssh", "", "a\0b",
    ] {
        let bytes = hostile(&[(name, b"x")], |zip| {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(b"x").unwrap();
        });
        let error = verify(bytes).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| !text.is_empty()), "{name:?} was taken");
    }
    let link = hostile(&[("link", b"/etc")], |zip| {
        zip.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
    });
    assert!(matches!(verify(link), Err(BundleError::Unsafe { .. })));
    let twice = hostile(&[("A", b"x"), ("a", b"x")], |zip| {
        for name in ["A", "a"] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(b"x").unwrap();
        }
    });
    assert!(matches!(verify(twice), Err(BundleError::Unsafe { .. })));
}

#[test]
fn what_differs_from_the_manifest_is_refused() {
    let one = |name: &str, bytes: &[u8]| {
        hostile(&[("a", b"right")], |zip| {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        })
    };
    assert!(verify(one("a", b"right")).is_ok());
    for (bytes, problem) in [
        (one("a", b"wrong"), "SHA-256"),
        (one("a", b"right and more"), "size"),
        (one("b", b"right"), "not in its manifest"),
        (hostile(&[("a", b"right")], |_| {}), "missing"),
    ] {
        let error = verify(bytes).unwrap_err().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
}

#[test]
fn a_bundle_cannot_fill_the_disk() {
    let zeros = vec![0; 1_000_000];
    let bytes = zip(&[Member::text("zeros", String::from_utf8(zeros).unwrap())]);
    assert!(bytes.len() < 5000, "it packs well");
    let error = Opened::verify(Cursor::new(bytes), 999_999).unwrap_err().to_string();
    assert!(error.contains("more than is allowed"), "{error}");
}

#[test]
fn other_archives_and_broken_ones_are_told_apart() {
    let mut other = ZipWriter::new(Cursor::new(Vec::new()));
    other.start_file("x", SimpleFileOptions::default()).unwrap();
    let other = other.finish().unwrap().into_inner();
    assert!(matches!(verify(other), Err(BundleError::NoBundle(_))));
    assert!(matches!(verify(b"no zip at all".to_vec()), Err(BundleError::Zip(_))));
    let whole = zip(&[Member::text("a", "text ".repeat(50))]);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x55;
        // Dates and the like may differ; content may not.
        if let Ok(mut opened) = verify(flipped) {
            assert_eq!(opened.text("a"), Some("text ".repeat(50)), "byte {at}");
        }
        let _ = verify(whole[..at].to_vec());
    }
}
