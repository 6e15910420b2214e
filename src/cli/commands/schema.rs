//! The schema that a recording embeds, from files or from the server.

use std::time::Duration;

use crate::{
    report::schema::Schema,
    tap::{
        DialOptions, Target,
        schema::{self, ReflectError},
    },
};

use super::{Failure, output};
use crate::cli::{
    flags::schema::{Reflect, SchemaArgs},
    remedies,
};

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
