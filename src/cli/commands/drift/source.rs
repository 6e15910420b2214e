//! What a capture's schema is compared with.

use std::{
    fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        commands::{
            Failure,
            record::target::{Plaintext, headers, tls},
            schema::{Connection, given_by},
        },
        flags::{drift::DriftArgs, schema::GivenSchemaArgs},
    },
    file::is_capture,
    tap::{DialOptions, Target},
};

/// Endings of names that are files, and not servers.
const FILE_ENDINGS: [&str; 5] = ["gcap", "proto", "binpb", "protoset", "pb"];

/// Where the other schema is.
pub(super) enum Source {
    Given(GivenSchemaArgs),
    Capture(PathBuf),
}

impl Source {
    pub(super) fn of(args: &DriftArgs) -> Result<Self, Failure> {
        let Some(text) = &args.against else {
            return Ok(Self::Given(args.schema.clone()));
        };
        let path = Path::new(text);
        if path.is_file() {
            return Self::file(path);
        }
        if path.is_dir() {
            let text = format!("{text} is a folder: give its .proto files with --proto");
            return Err(Failure::Usage(text));
        }
        let ending = path.extension().unwrap_or_default();
        if FILE_ENDINGS.iter().any(|known| ending == *known) {
            return Err(format!("could not read {text}: there is no such file").into());
        }
        let server = text.parse::<Target>();
        let server = server
            .map_err(|error| Failure::Usage(format!("{text} is neither a file nor the address of a server: {error}")));
        Ok(Self::Given(GivenSchemaArgs {
            reflect: Some(server?),
            ..GivenSchemaArgs::default()
        }))
    }

    fn file(path: &Path) -> Result<Self, Failure> {
        let path = path.to_owned();
        if path.extension().is_some_and(|ending| ending == "proto") {
            return Ok(Self::Given(GivenSchemaArgs {
                proto: vec![path],
                ..GivenSchemaArgs::default()
            }));
        }
        let mut head = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(64).read_to_end(&mut head));
        read.map_err(|error| format!("could not read {}: {error}", path.display()))?;
        // One whose beginning is damaged is told as a damaged capture.
        let is_named_so = path.extension().is_some_and(|ending| ending == "gcap");
        Ok(if is_named_so || is_capture(&head) {
            Self::Capture(path)
        } else {
            Self::Given(GivenSchemaArgs {
                protoset: vec![path],
                ..GivenSchemaArgs::default()
            })
        })
    }

    /// The name of the kind in JSON.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Capture(_) => "capture",
            Self::Given(given) if given.reflect.is_some() => "server",
            Self::Given(given) if given.proto.is_empty() => "protoset",
            Self::Given(_) => "proto",
        }
    }
}

/// The descriptor set of a server or of files.
pub(super) fn load(given: &GivenSchemaArgs, args: &DriftArgs) -> Result<Vec<u8>, Failure> {
    let dialling = DialOptions {
        tls: tls(&args.dial, Plaintext::Obey)?,
        authority: args.dial.authority.clone(),
        connect_timeout: args.connect_timeout.0,
        metadata: headers(&args.dial)?,
        ..DialOptions::default()
    };
    let set = given_by(given, &dialling, Connection::Flags)?;
    set.ok_or_else(|| Failure::Usage("there is no schema to compare with".to_owned()))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(path) => path.display().fmt(f),
            Self::Given(given) => {
                let files = given.proto.iter().chain(&given.protoset);
                let files = files.map(|path| path.display().to_string());
                let server = given.reflect.iter().map(ToString::to_string);
                let all: Vec<_> = files.chain(server).collect();
                f.write_str(&all.join(", "))
            }
        }
    }
}
