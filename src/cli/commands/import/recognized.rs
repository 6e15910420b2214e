//! Advice about files that are not an input of an import.

use crate::transform::convert::import::recognize::{Kind, Remedy};

use crate::cli::{commands::Failure, flags::ImportArgs};

/// The error for a file of another kind.
pub(super) fn refusal(args: &ImportArgs, kind: Kind) -> Failure {
    let input = args.input.display();
    let remedy = match kind.remedy {
        Remedy::AsItIs => format!("use it as it is, such as `capture info {input}`"),
        Remedy::Unpack(command) if command.contains("FILE") => {
            let name = input.to_string();
            let stem = name.strip_suffix(".bag").unwrap_or(&name);
            format!("convert it first: `{}`", command.replace("FILE", stem))
        }
        Remedy::Unpack(command) => {
            format!("unpack it first, such as with `{command} {input}`, and import what is in it")
        }
        Remedy::Fetch => format!("fetch the file that it stands for: `git lfs pull --include {input}`"),
        Remedy::Dissect => "it holds network packets, not messages: record with `capture proxy` next time".to_owned(),
        Remedy::Open => format!(
            "a bundle is opened with `capture bundle --open {input} -o DIR`; any other archive is unpacked first, such as \
             with `unzip {input}`"
        ),
        _ => "an import reads length-delimited messages, gRPC binary logs and MCAP files".to_owned(),
    };
    let name = kind.name;
    format!("could not import {input}: it is {name}; {remedy} (if this is wrong, set the format with --from)").into()
}
