//! The schema that a recording embeds, from files or from the server.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
    time::Duration,
};

use crate::{
    file::{Attribute, Header, Reader},
    grpc::{
        is_support_method,
        overlay::{Overlaid, overlay},
    },
    model::event::Direction,
    report::schema::Schema,
    tap::{
        DialOptions, Target,
        dial::advice::DialAdvice,
        schema::{self, ReflectError},
    },
};

use super::{Failure, output};
use crate::cli::{
    flags::schema::{GivenSchemaArgs, Reflect, SchemaArgs},
    remedies,
};

/// Time limit for the connection to the server of `--reflect`, which is running when it is named.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Time limit for what it tells.
const REFLECT_LIMIT: Duration = Duration::from_secs(10);

/// Time limit for reflection when the user does not insist on it: it is asked before anything is recorded.
const SOON: Duration = Duration::from_secs(2);

/// The descriptor set of `--proto` and `--protoset`, or else the target's; `None` when there is none.
pub(crate) async fn descriptor_set(
    args: &SchemaArgs,
    target: &Target,
    dial: &DialOptions,
) -> Result<Option<Vec<u8>>, Failure> {
    let given = schema::load(&args.proto, &args.import_path, &args.protoset);
    let given = given.map_err(|error| Failure::Usage(remedies::told(&error)))?;
    let from = if given.is_some() {
        "--proto and --protoset"
    } else {
        "the target"
    };
    let set = chosen(given, args.reflect, target, dial).await?;
    let told = set.as_ref().map_or_else(
        || "none; messages are recorded byte for byte nevertheless".to_owned(),
        |set| format!("{} bytes of descriptors from {from}", set.len()),
    );
    tracing::info!("schema: {told}");
    warn_of(set.as_deref());
    Ok(set)
}

/// How the server of `--reflect` is dialled: it is a running one, so that a short wait is enough.
pub(crate) fn dial_options() -> DialOptions {
    DialOptions {
        connect_timeout: CONNECT_LIMIT,
        ..DialOptions::default()
    }
}

/// The schema that `--proto`, `--protoset` and `--reflect` give for a capture; `None` when there is none.
pub(crate) fn given(args: &GivenSchemaArgs) -> Result<Option<Vec<u8>>, Failure> {
    given_by(args, &dial_options(), Connection::Fixed)
}

/// The same, with other options for the server of `--reflect`.
pub(crate) fn given_by(
    args: &GivenSchemaArgs,
    dial: &DialOptions,
    connection: Connection,
) -> Result<Option<Vec<u8>>, Failure> {
    let files = schema::load(&args.proto, &args.import_path, &args.protoset);
    let mut set = files.map_err(|error| Failure::Usage(remedies::told(&error)))?;
    if let Some(target) = &args.reflect {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let told = runtime.block_on(schema::reflect(target, dial, REFLECT_LIMIT));
        runtime.shutdown_background();
        let told = told.map_err(|error| no_reflection(target, error, connection))?;
        set = Some(schema::join(set.as_deref(), &told).map_err(|what| {
            let flags = "--proto or --protoset";
            Failure::from(format!("the schema of {target} cannot be used beside {flags}: {what}"))
        })?);
    }
    warn_of(set.as_deref());
    Ok(set)
}

/// The error of `--reflect`, for a command with or without flags for the connection.
fn no_reflection(target: &Target, error: ReflectError, connection: Connection) -> Failure {
    match (error, connection) {
        (error @ ReflectError::Dial(_), Connection::Flags) => Failure::from(error),
        (ReflectError::Dial(error), Connection::Fixed) => error.told(without_flags).into(),
        (error, _) => {
            format!("could not get the schema of {target}: {error}; give it with --proto or --protoset").into()
        }
    }
}

/// Advice for a command that has no flags for the connection.
fn without_flags(advice: &DialAdvice) -> String {
    match advice {
        DialAdvice::CheckName | DialAdvice::CheckSocket | DialAdvice::CheckPort => advice.to_string(),
        DialAdvice::DialGrpcPort => "this is a web server's port; give that of gRPC".to_owned(),
        DialAdvice::WriteHttp | DialAdvice::DropTls | DialAdvice::Plaintext => {
            "http://HOST:PORT connects without TLS".to_owned()
        }
        DialAdvice::DialHttps
        | DialAdvice::AskForTls
        | DialAdvice::DropPlaintextAndWriteHttps
        | DialAdvice::WriteHttps
        | DialAdvice::DropPlaintext
        | DialAdvice::DropPlaintextOrWait => "https://HOST:PORT connects with TLS".to_owned(),
        DialAdvice::Wait => "is the server running, and is the port right? --proto or --protoset give the schema from \
                             a file"
            .to_owned(),
        DialAdvice::GiveCertificateOrWait | DialAdvice::Tls(_) => {
            "give the schema from a file with --proto or --protoset".to_owned()
        }
    }
}

/// Whether a command has flags for the connection to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    /// It has, such as --cacert.
    Flags,
    /// It has none.
    Fixed,
}

/// The given schema over that of a capture.
pub(crate) fn over(given: &[u8], header: &Header) -> Result<Vec<u8>, Failure> {
    let Some(own) = header.get(Attribute::DESCRIPTOR_SET) else {
        return Ok(given.to_vec());
    };
    let Overlaid { set, lost } = overlay(given, own)?;
    if !lost.is_empty() {
        let lost = lost.join(", ");
        output::say(format!(
            "the given schema contradicts that of the capture, of which these services are left out: {lost}"
        ));
    }
    Ok(set)
}

/// Lets a reader's messages be decoded by the given schema. Warns when it has none of the methods that were called;
/// returns whether it did.
pub(crate) fn give<R: Read + Seek>(reader: &mut Reader<R>, given: Option<&[u8]>) -> Result<bool, Failure> {
    let Some(given) = given else {
        return Ok(false);
    };
    let Called { known, unknown } = Called::of(reader, given)?;
    let unknown = unknown.filter(|_| known == 0);
    if let Some(unknown) = &unknown {
        output::say(unknown);
    }
    let set = over(given, reader.header())?;
    reader.give_schema(&set);
    Ok(unknown.is_some())
}

/// Does the same for a schema that is to be kept; returns the number of called methods that it has.
///
/// # Errors
/// When it has none of them.
pub(crate) fn give_known<R: Read + Seek>(reader: &mut Reader<R>, given: &[u8]) -> Result<u64, Failure> {
    let Called { known, unknown } = Called::of(reader, given)?;
    match unknown {
        Some(unknown) if known == 0 => return Err(format!("{unknown}; nothing was written").into()),
        Some(unknown) => output::say(unknown),
        None => {}
    }
    let set = over(given, reader.header())?;
    reader.give_schema(&set);
    Ok(known)
}

/// The methods that were called, as a schema knows them.
struct Called {
    known: u64,
    /// A text about those that it does not have.
    unknown: Option<String>,
}

impl Called {
    fn of<R: Read + Seek>(reader: &mut Reader<R>, given: &[u8]) -> Result<Self, Failure> {
        let schema = Schema::from_descriptor_set(given)?;
        let starts = reader.overview()?.calls.into_iter().filter_map(|call| call.start);
        let methods: BTreeSet<_> = starts.map(|start| start.method).collect();
        let methods = methods.into_iter().filter(|method| !is_support_method(method));
        let (known, unknown): (Vec<_>, Vec<_>) =
            methods.partition(|method| schema.message_type(method, Direction::Sent).is_some());
        let services = schema.services();
        let services = match services.as_slice() {
            [] => "it has no service".to_owned(),
            [service] => format!("it has the service {service}"),
            services => format!("it has the services {}", few(services)),
        };
        let text = format!(
            "the capture holds calls of {}, which the given schema does not have; {services}",
            few(&unknown)
        );
        Ok(Self {
            known: known.len() as u64,
            unknown: (!unknown.is_empty()).then_some(text),
        })
    }
}

/// The first few of a list, with the number of the others.
pub(crate) fn few(names: &[String]) -> String {
    /// Names in a text before the rest is counted.
    const FEW: usize = 3;
    let more = match names.len().saturating_sub(FEW) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown: Vec<_> = names.iter().take(FEW).map(String::as_str).collect();
    match shown.as_slice() {
        [] => "(none)".to_owned(),
        shown => format!("{}{more}", shown.join(", ")),
    }
}

/// Warns about unusable parts of a descriptor set.
pub(crate) fn warn_of(set: Option<&[u8]>) {
    if let Some(Ok(schema)) = set.map(Schema::from_descriptor_set) {
        warn(&schema);
    }
}

/// Warns about unusable parts of a schema.
pub(crate) fn warn(schema: &Schema) {
    if let Some(warning) = schema.warning() {
        output::say(warning);
    }
}

async fn chosen(
    given: Option<Vec<u8>>,
    how: Reflect,
    target: &Target,
    dial: &DialOptions,
) -> Result<Option<Vec<u8>>, Failure> {
    match (given, how) {
        (given, Reflect::Never) | (given @ Some(_), Reflect::Auto) => Ok(given),
        (None, Reflect::Auto) => match schema::reflect(target, dial, SOON).await {
            Ok(set) => Ok(Some(set)),
            Err(error) => {
                tracing::info!("the target offers no schema: {error}");
                Ok(None)
            }
        },
        (given, Reflect::Always) => {
            let told = schema::reflect(target, dial, dial.connect_timeout).await;
            let told = told.map_err(|error| match (&error, &given) {
                (ReflectError::Dial(_), _) => Failure::from(error),
                // What was given is not a remedy.
                (_, Some(_)) => format!("{error}; leave --reflect out, because --proto or --protoset is given").into(),
                (_, None) => format!("{error}; give the schema with --proto or --protoset").into(),
            })?;
            let joined = schema::join(given.as_deref(), &told);
            joined
                .map(Some)
                .map_err(|what| format!("the target's schema contradicts --proto or --protoset: {what}").into())
        }
    }
}
