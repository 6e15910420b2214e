//! The job list of `--jobs`: what each job has of its own.

use std::{collections::BTreeMap, path::Path};

use crate::das::dialect::Dialect;
use crate::model::text::toml_problem;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::{
    commands::{Failure, record::names::file_name},
    flags::{record::RecordArgs, value::Tag},
};

/// Largest number of jobs in one process: a list beyond this is far likelier to be a mistake, and each job takes
/// descriptors.
const MOST_JOBS: usize = 4096;

/// One job as the list describes it; everything it does not say, the command's flags say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Name in the report and of the capture; the job's id or target by default.
    name: Option<String>,
    /// `HOST:PORT` of a running job.
    target: Option<String>,
    /// URL of a Focus Server that configures the job.
    server: Option<String>,
    #[serde(alias = "job-id")]
    job_id: Option<String>,
    dialect: Option<String>,
    streams: Option<u32>,
    authority: Option<String>,
    plaintext: Option<bool>,
    /// Description of the job to configure: the words of a job file.
    job: Option<Value>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// One job of the list, checked.
#[derive(Debug)]
pub(super) struct Item {
    /// Unique name, valid as a file name.
    pub(super) name: String,
    /// The arguments of `capture record` for this job.
    pub(super) args: RecordArgs,
}

/// Reads the list.
pub(super) fn read(path: &Path, args: &RecordArgs) -> Result<Vec<Item>, Failure> {
    let shown = path.display();
    let text =
        crate::cli::commands::input::text(path).map_err(|error| format!("could not read the jobs {shown}: {error}"))?;
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    parse(&text, is_json, args).map_err(|problem| Failure::Usage(format!("could not use the jobs {shown}: {problem}")))
}

fn parse(text: &str, is_json: bool, args: &RecordArgs) -> Result<Vec<Item>, String> {
    let value: Value = if is_json {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        toml::from_str(text).map_err(|error| toml_problem(&error, text))?
    };
    // Each entry by itself, so that an error says which and what.
    let entries = match value {
        Value::Array(entries) => entries,
        Value::Object(mut table) => match (table.remove("jobs"), table.keys().next()) {
            (_, Some(other)) => {
                return Err(format!(
                    "`{other}` is beside the list `jobs`; use flags for what all jobs share"
                ));
            }
            (Some(Value::Array(entries)), None) => entries,
            _ => return Err("it has no list `jobs` ([[jobs]] in TOML)".to_owned()),
        },
        _ => return Err("it is not a list".to_owned()),
    };
    if entries.is_empty() || entries.len() > MOST_JOBS {
        return Err(format!(
            "it lists {} jobs; 1 to {MOST_JOBS} can be recorded at once",
            entries.len()
        ));
    }
    let mut items = Vec::<Item>::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        let place = |problem: String| format!("job {}: {problem}", at + 1);
        let entry: Entry = serde_json::from_value(entry).map_err(|error| place(error.to_string()))?;
        let item = item(entry, args).map_err(place)?;
        if items.iter().any(|other| other.name == item.name) {
            return Err(place(format!(
                "there is another job named {}; give them a `name` each",
                item.name
            )));
        }
        items.push(item);
    }
    Ok(items)
}

fn item(entry: Entry, common: &RecordArgs) -> Result<Item, String> {
    let mut args = common.clone();
    args.jobs = None;
    args.output = None;
    match (&entry.target, &entry.server) {
        (Some(_), None) | (None, Some(_)) => {}
        (Some(_), Some(_)) => {
            return Err("it has both `target` and `server`; a job is dialled or configured".to_owned());
        }
        (None, None) => {
            return Err(
                "it has neither `target` (HOST:PORT of a job) nor `server` (URL to configure one on)".to_owned(),
            );
        }
    }
    args.target = entry.target;
    args.server = entry.server;
    args.job.job_id = entry.job_id;
    args.job.inline = entry.job.as_ref().map(Value::to_string);
    if let Some(dialect) = entry.dialect {
        args.job.dialect = dialect.parse::<Dialect>().map_err(|error| error.to_string())?;
    }
    args.job.streams = entry.streams.or(args.job.streams);
    args.dial.authority = entry.authority.or(args.dial.authority);
    args.dial.plaintext = entry.plaintext.unwrap_or(args.dial.plaintext);
    args.tags
        .extend(entry.tags.into_iter().map(|(name, value)| Tag(name, value)));
    let known = [
        entry.name.as_ref(),
        args.job.job_id.as_ref(),
        args.target.as_ref(),
        args.server.as_ref(),
    ];
    let name = known
        .into_iter()
        .flatten()
        .next()
        .map_or_else(String::new, |name| file_name(name));
    super::target::check(&args).map_err(|failure| failure.to_string())?;
    Ok(Item { name, args })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::flags::{Cli, Command};

    fn common(flags: &[&str]) -> RecordArgs {
        let line = [&["capture", "record", "--jobs", "x"], flags].concat();
        match Cli::try_parse_from(line).unwrap().command {
            Command::Record(args) => *args,
            _ => unreachable!(),
        }
    }

    #[test]
    fn jobs_take_from_the_flags_what_they_do_not_say() {
        let args = common(&["--plaintext", "--max-frames", "5", "--tag", "run=7"]);
        let text = "[[jobs]]\ntarget = '127.0.0.1:1'\njob_id = '12-1'\ntags = { sensor = 'a' }\n\
                    [[jobs]]\nname = 'b/c'\ntarget = 'h:2'\ndialect = 'pandadatastream'\nstreams = 3\nplaintext = false\n";
        let items = parse(text, false, &args).unwrap();
        let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["12-1", "b_c"]);
        let [first, second] = &items[..] else {
            panic!("{items:?}")
        };
        assert!(first.args.dial.plaintext && !second.args.dial.plaintext);
        assert_eq!(
            (first.args.limits.max_frames, second.args.job.streams),
            (Some(5), Some(3))
        );
        assert_eq!((first.args.tags.len(), second.args.tags.len()), (2, 1));
    }

    #[test]
    fn json_is_a_list_or_holds_one_and_configures_inline() {
        let entry = r#"{"server": "http://h/", "job": {"sensors": "1..4", "nfft": 512}}"#;
        for text in [format!("[{entry}]"), format!(r#"{{"jobs": [{entry}]}}"#)] {
            let items = parse(&text, true, &common(&[])).unwrap();
            assert!(items[0].args.job.inline.as_ref().is_some_and(|job| job.contains("512")));
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_job_it_is_in() {
        for (text, problem) in [
            ("[]", "lists 0 jobs"),
            ("{}", "no list `jobs`"),
            (r#"{"jobs": [], "x": 1}"#, "`x` is beside"),
            (
                r#"[{"target": "h:1", "job_id": "a"}, {"job_id": "b"}]"#,
                "job 2: it has neither",
            ),
            (r#"[{"target": "h:1", "jobid": "a"}]"#, "job 1: unknown field `jobid`"),
            (r#"[{"target": "h:1"}]"#, "job 1: --target needs the job's name"),
            (
                r#"[{"target": "h:1", "job_id": "a"}, {"target": "h:2", "job_id": "a"}]"#,
                "job 2: there is another job named a",
            ),
            (r#"[{"server": "http://h/", "job": {"nfft": 0}}]"#, "job 1: "),
        ] {
            let error = parse(text, true, &common(&[])).unwrap_err();
            assert!(error.contains(problem), "{error} should say {problem}");
        }
    }
}
