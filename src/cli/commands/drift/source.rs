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
        },
        flags::drift::DriftArgs,
        remedies,
    },
    file::is_capture,
    tap::{DialOptions, Target, schema},
};

/// Where the other schema is.
pub(super) enum Source {
    Server(Target, String),
    Files { protos: Vec<PathBuf>, sets: Vec<PathBuf> },
    Capture(PathBuf),
}

impl Source {
    pub(super) fn of(args: &DriftArgs) -> Result<Self, Failure> {
        if let Some(address) = &args.reflect {
            return Self::server(address);
        }
        let Some(text) = &args.against else {
            return Ok(Self::Files {
                protos: args.proto.clone(),
                sets: args.protoset.clone(),
            });
        };
        let path = Path::new(text);
        if path.is_file() {
            return Self::file(path);
        }
        if path.is_dir() {
            let text = format!("{text} is a folder: give its .proto files with --proto");
            return Err(Failure::Usage(text));
        }
        let is_file_name = path.extension().is_some_and(|extension| {
            ["gcap", "proto", "binpb", "protoset", "pb"]
                .iter()
                .any(|known| extension == *known)
        });
        if is_file_name {
            return Err(format!("could not read {text}: there is no such file").into());
        }
        Self::server(text)
    }

    fn server(address: &str) -> Result<Self, Failure> {
        let target = address.parse().map_err(|error| {
            Failure::Usage(format!(
                "{address} is neither a file nor the address of a server: {error}"
            ))
        })?;
        Ok(Self::Server(target, address.to_owned()))
    }

    fn file(path: &Path) -> Result<Self, Failure> {
        let path = path.to_owned();
        if path.extension().is_some_and(|extension| extension == "proto") {
            return Ok(Self::Files {
                protos: vec![path],
                sets: Vec::new(),
            });
        }
        let mut head = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(64).read_to_end(&mut head));
        read.map_err(|error| format!("could not read {}: {error}", path.display()))?;
        Ok(if is_capture(&head) {
            Self::Capture(path)
        } else {
            Self::Files {
                protos: Vec::new(),
                sets: vec![path],
            }
        })
    }

    /// The name of the kind in JSON.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Server(..) => "server",
            Self::Capture(_) => "capture",
            Self::Files { protos, .. } if protos.is_empty() => "protoset",
            Self::Files { .. } => "proto",
        }
    }

    pub(super) fn is_proto(&self) -> bool {
        self.kind() == "proto"
    }

    /// The descriptor set of a server or of files.
    pub(super) async fn load(&self, args: &DriftArgs) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Server(target, name) => {
                let dialling = DialOptions {
                    tls: tls(&args.dial, Plaintext::Obey)?,
                    authority: args.dial.authority.clone(),
                    connect_timeout: args.connect_timeout.0,
                    metadata: headers(&args.dial)?,
                    ..DialOptions::default()
                };
                let told = schema::reflect(target, &dialling, args.connect_timeout.0).await;
                told.map_err(|error| match error {
                    schema::ReflectError::Dial(error) => Failure::from(error),
                    error => {
                        let text =
                            format!("could not read the schema of {name}: {error}; give it with --proto or --protoset");
                        Failure::from(text)
                    }
                })
            }
            Self::Files { protos, sets } => {
                let given = schema::load(protos, &args.import_path, sets);
                let given = given.map_err(|error| Failure::Usage(remedies::told(&error)))?;
                given.ok_or_else(|| Failure::Usage("there is no schema to compare with".to_owned()))
            }
            Self::Capture(path) => Err(format!("{} is read as a capture", path.display()).into()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(_, name) => f.write_str(name),
            Self::Capture(path) => path.display().fmt(f),
            Self::Files { protos, sets } => {
                for (at, path) in protos.iter().chain(sets).enumerate() {
                    write!(f, "{}{}", if at == 0 { "" } else { ", " }, path.display())?;
                }
                Ok(())
            }
        }
    }
}
