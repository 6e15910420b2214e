//! A schema that is given for a capture which may have one of its own.

use std::collections::BTreeSet;

use super::{
    descriptors::{DescriptorError, Descriptors, file_name, join, split},
    protobuf::put_bytes,
};

/// Two schemas as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overlaid {
    /// The serialized set: the given files, and those of the other schema that do not contradict them.
    pub(crate) set: Vec<u8>,
    /// Services of the other schema that are left out, because its files contradict the given ones.
    pub(crate) lost: Vec<String>,
}

/// Puts a given schema over another, of which those files stay that define nothing in another way.
///
/// # Errors
/// When the given schema is not a descriptor set.
pub(crate) fn overlay(given: &[u8], other: &[u8]) -> Result<Overlaid, DescriptorError> {
    let alone = Descriptors::read(given)?;
    let Ok(below) = Descriptors::read(other) else {
        let (set, lost) = (given.to_vec(), Vec::new());
        return Ok(Overlaid { set, lost });
    };
    let both = join(&[given, other]).and_then(|set| Descriptors::read(&set).map(|read| (set, read)));
    let (set, read) = match both {
        Ok((set, read)) if read.left_out.len() == alone.left_out.len() => (set, read),
        Ok((_, read)) => {
            let refused: BTreeSet<_> = read.left_out.iter().map(|left_out| left_out.what.as_str()).collect();
            let mut kept = Vec::new();
            for raw in split(other)?
                .into_iter()
                .filter(|raw| !refused.contains(&*file_name(raw)))
            {
                put_bytes(&mut kept, 1, raw);
            }
            let set = join(&[given, &kept])?;
            let read = Descriptors::read(&set)?;
            (set, read)
        }
        // Together they are too large.
        Err(_) => (given.to_vec(), alone),
    };
    let lost = below.pool.services().map(|service| service.full_name().to_owned());
    let lost = lost.filter(|name| read.pool.get_service_by_name(name).is_none());
    Ok(Overlaid {
        lost: lost.collect(),
        set,
    })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn set(name: &str, text: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), format!("syntax = \"proto3\";\n{text}")).unwrap();
        protox::compile([name], [dir.path()]).unwrap().encode_to_vec()
    }

    fn fields(set: &[u8], message: &str) -> Vec<String> {
        let read = Descriptors::read(set).unwrap();
        assert_eq!(read.warning(), None);
        let message = read.pool.get_message_by_name(message).unwrap();
        message.fields().map(|field| field.name().to_owned()).collect()
    }

    #[test]
    fn the_given_schema_counts_and_the_rest_of_the_other_stays() {
        let one = "message M { int32 old = 1; } service A { rpc R(M) returns (M); }";
        let other = "message N { int32 n = 1; } service B { rpc R(N) returns (N); }";
        let recorded = join(&[&set("a.proto", one), &set("b.proto", other)]).unwrap();
        let newer = one.replace("old", "new");
        // Under the same name, and under another.
        for name in ["a.proto", "moved.proto"] {
            let found = overlay(&set(name, &newer), &recorded).unwrap();
            assert_eq!(found.lost, [""; 0], "{name}");
            assert_eq!(fields(&found.set, "M"), ["new"]);
            assert_eq!(fields(&found.set, "N"), ["n"]);
        }
    }

    #[test]
    fn a_service_that_shares_a_contradicted_file_is_named() {
        let both =
            "message M { int32 old = 1; } service A { rpc R(M) returns (M); } service B { rpc R(M) returns (M); }";
        let one = "message M { int32 new = 1; } service A { rpc R(M) returns (M); }";
        let found = overlay(&set("x.proto", one), &set("both.proto", both)).unwrap();
        assert_eq!(found.lost, ["B"]);
        assert_eq!(fields(&found.set, "M"), ["new"]);
    }

    #[test]
    fn what_is_no_schema_is_refused_when_it_is_given_and_replaced_when_it_is_recorded() {
        let given = set("a.proto", "message M { int32 new = 1; }");
        assert!(overlay(b"\xff", &given).is_err());
        assert_eq!(overlay(&given, b"\xff").unwrap().set, given);
    }
}
