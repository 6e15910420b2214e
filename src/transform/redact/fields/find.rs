//! Lookup of fields and extensions by name, and of the actions that fit them.

use prost_reflect::{DescriptorPool, Kind};

use crate::transform::redact::Action;

/// Errors of a rule that does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The capture contains no descriptors.
    #[error("the capture holds no schema, so fields of messages cannot be found by name: {0}")]
    NoDescriptors(String),
    /// The descriptors cannot be read.
    #[error("the capture's descriptor set cannot be read: {0}")]
    BadDescriptors(String),
    /// The field does not exist.
    #[error("`{field}` is not a field in the schema of the capture{}", near(.nearest.as_deref()))]
    NoField {
        /// The given name.
        field: String,
        /// The most similar existing name.
        nearest: Option<String>,
    },
    /// The action does not fit the field.
    #[error("`{field}` holds {kind}, which cannot be hidden by {action}; use {use_instead}")]
    NoFit {
        /// The field.
        field: String,
        /// Type of the field.
        kind: &'static str,
        /// The action.
        action: String,
        /// The actions that fit.
        use_instead: &'static str,
    },
}

fn near(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
}

/// A field or an extension that a rule names.
pub(super) struct Named {
    /// The message type with the field.
    pub(super) message: String,
    pub(super) number: u32,
    pub(super) kind: Kind,
}

/// Finds `package.Message.field`, by the field's name or its JSON name, or an extension's `package.name`, with or
/// without brackets.
pub(super) fn find(pool: &DescriptorPool, path: &str) -> Result<Named, FieldError> {
    let field = path.rsplit_once('.').and_then(|(message, name)| {
        let message = pool.get_message_by_name(message)?;
        let field = message
            .fields()
            .find(|field| field.name() == name || field.json_name() == name)?;
        Some(Named {
            message: message.full_name().to_owned(),
            number: field.number(),
            kind: field.kind(),
        })
    });
    let extension = || {
        let name = path
            .strip_prefix('[')
            .and_then(|path| path.strip_suffix(']'))
            .unwrap_or(path);
        let extension = pool.get_extension_by_name(name)?;
        Some(Named {
            message: extension.containing_message().full_name().to_owned(),
            number: extension.number(),
            kind: extension.kind(),
        })
    };
    field.or_else(extension).ok_or_else(|| {
        let all = pool.all_messages().flat_map(|message| {
            let parent = message.full_name().to_owned();
            message
                .fields()
                .map(move |field| format!("{parent}.{}", field.name()))
                .collect::<Vec<_>>()
        });
        let extensions = pool.all_extensions().map(|extension| extension.full_name().to_owned());
        let nearest = all
            .chain(extensions)
            .min_by_key(|known| strsim::damerau_levenshtein(known, path));
        FieldError::NoField {
            field: path.to_owned(),
            nearest,
        }
    })
}

pub(super) fn fits(path: &str, kind: &Kind, action: &Action) -> Result<(), FieldError> {
    let (kind, fits, use_instead) = match kind {
        Kind::Message(_) => ("messages", *action == Action::Drop, "drop"),
        Kind::String => return Ok(()),
        Kind::Bytes => ("bytes", *action != Action::Host, "hash, drop, mask or constant:VALUE"),
        Kind::Float | Kind::Double => (
            "floating-point numbers",
            matches!(action, Action::Drop | Action::Mask),
            "drop or mask",
        ),
        Kind::Bool | Kind::Enum(_) => (
            "a choice",
            matches!(action, Action::Drop | Action::Mask),
            "drop or mask",
        ),
        _ => {
            let number = matches!(action, Action::Constant(text) if text.parse::<i64>().is_ok());
            let fits = number || matches!(action, Action::Drop | Action::Mask | Action::Hash);
            ("numbers", fits, "hash, drop, mask or constant:NUMBER")
        }
    };
    if fits {
        return Ok(());
    }
    let (field, action) = (path.to_owned(), action.to_string());
    Err(FieldError::NoFit {
        field,
        kind,
        action,
        use_instead,
    })
}
