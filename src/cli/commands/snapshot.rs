//! `capture snapshot`: golden text, printed, compared or written.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    analyze::{
        snapshot::{
            SnapshotOptions, SnapshotPart,
            compare::{DiffColour, GoldenTolerance, OnlyDiffers, compare, only_differs},
            names, render,
        },
        stats::{Stats, StatsOptions},
    },
    file::{Existing, is_locked},
    model::text::printable_lines,
};

use super::{Done, Failure, Outcome, input, output, stats::layout};
use crate::cli::flags::{
    Format,
    validate::{ColorArg, SnapshotArgs},
};

pub(crate) fn run(args: &SnapshotArgs) -> Done {
    for (flag, value) in [("--abs", args.abs), ("--rel", args.rel)] {
        if value.is_some_and(|value| !(value.is_finite() && value >= 0.0)) {
            return Err(Failure::Usage(format!("{flag} is a positive number")));
        }
    }
    match &args.check {
        Some(dir) if args.update => update(args, dir),
        Some(dir) => check(args, dir),
        None => print(args),
    }
}

/// The golden text of one capture. An unfinished capture has none: it would change.
fn text(args: &SnapshotArgs, path: &Path) -> Result<String, Failure> {
    let mut reader = input::open_whole(path)?;
    let options = StatsOptions {
        layout: layout(&args.layout),
        ..StatsOptions::default()
    };
    let stats = Stats::with(&mut reader, options)?;
    if !reader.state()?.is_finished() {
        let remedy = if is_locked(path) {
            "it is being recorded: wait for its end".to_owned()
        } else {
            format!("`capture recover {}` completes it", path.display())
        };
        let path = path.display();
        return Err(format!("{path} is unfinished, and has no golden text yet; {remedy}").into());
    }
    let options = SnapshotOptions {
        timing: if args.timing {
            SnapshotPart::Include
        } else {
            SnapshotPart::LeaveOut
        },
        ..SnapshotOptions::default()
    };
    Ok(render(&stats, &options))
}

fn print(args: &SnapshotArgs) -> Done {
    for (number, path) in args.captures.iter().enumerate() {
        let text = text(args, path)?;
        if args.captures.len() > 1 {
            let gap = if number > 0 { "\n" } else { "" };
            output::put(Format::Text, format!("{gap}==> {} <==\n", output::shown(path)))?;
        }
        output::put(Format::Text, text)?;
    }
    Ok(Outcome::Ok)
}

/// The golden file of each capture; two captures of one name have no place beside each other.
fn goldens<'a>(args: &'a SnapshotArgs, dir: &Path) -> Result<BTreeMap<PathBuf, &'a Path>, Failure> {
    let mut goldens = BTreeMap::new();
    for path in &args.captures {
        let golden = dir.join(names::golden(&path.to_string_lossy()));
        if let Some(other) = goldens.insert(golden, path.as_path()) {
            let (other, path) = (other.display(), path.display());
            return Err(Failure::Usage(format!(
                "{other} and {path} would share one golden file; rename one of them"
            )));
        }
    }
    Ok(goldens)
}

fn check(args: &SnapshotArgs, dir: &Path) -> Done {
    let in_colour = match args.color {
        ColorArg::Auto => output::is_coloured(),
        ColorArg::Always => true,
        ColorArg::Never => false,
    };
    let colour = if in_colour { DiffColour::Ansi } else { DiffColour::Plain };
    // A tolerance of 0 leaves out digests, and nothing else.
    let share = |value: Option<f64>| value.map_or(0.0, |value| value.max(f64::MIN_POSITIVE));
    let tolerance = GoldenTolerance {
        abs: share(args.abs),
        rel: share(args.rel),
    };
    let (mut differ, mut missing) = (0, 0);
    let mut details = String::new();
    for (golden, path) in goldens(args, dir)? {
        let new = text(args, path)?;
        let shown = output::shown(&golden);
        match crate::cli::commands::input::text(&golden) {
            Ok(old) => {
                let diff = compare(&old, &new, tolerance);
                if !diff.is_empty() {
                    differ += 1;
                    details.push_str(&diff.render(&shown, &path.display().to_string(), colour));
                    if let Some(advice) = only_differs(&old, &new).and_then(advice) {
                        details.push_str(&printable_lines(&format!("{shown}: {advice}\n")));
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                missing += 1;
                let path = output::shown(path);
                details.push_str(&format!(
                    "{shown}: there is no golden file for {path}; --update writes it\n"
                ));
            }
            Err(error) => return Err(format!("could not read {shown}: {error}").into()),
        }
    }
    let total = args.captures.len();
    let alike = total - differ - missing;
    let word = if alike == total { "PASS" } else { "FAIL" };
    let verdict = format!(
        "{word}  {alike} of {total} equal their golden files, {differ} differ, {missing} without a \
        golden file\n"
    );
    output::put_verdict(&verdict, in_colour)?;
    // Not through the edge: the colours of a diff are ours, and its lines are printable.
    output::put_as_it_is(details)?;
    report_orphans(args, dir)?;
    Ok(if alike == total { Outcome::Ok } else { Outcome::Findings })
}

/// The smallest tolerance that the advice names.
const SMALLEST_ADVISED: f64 = 1e-6;

/// The largest tolerance that the advice names: beyond it, the stream has changed.
const MOST_ADVISED: f64 = 0.2;

/// Advice about a difference that may not be a change of the stream.
fn advice(differs: OnlyDiffers) -> Option<String> {
    match differs {
        OnlyDiffers::Digests => Some(
            "only the digest of the messages differs. Structure and statistics agree; the bytes of a live stream differ in every recording. --rel 0 compares without digests, --rel 0.01 also lets measured numbers differ by 1 %; if \
             the bytes should be the same, `capture diff` shows where they differ"
                .to_owned(),
        ),
        OnlyDiffers::Measured(share) if share <= MOST_ADVISED => {
            // Rounded up to one digit, so that it is enough and can be read.
            let size = 10_f64.powf(share.log10().floor()).max(SMALLEST_ADVISED);
            let enough = format!("{:.6}", (share / size).ceil() * size);
            let enough = enough.trim_end_matches('0');
            Some(format!(
                "structure and counts agree, measured numbers differ by up to {:.2} %, as between two recordings of a live \
                 stream. --rel {enough} compares so, without digests",
                share * 100.0
            ))
        }
        OnlyDiffers::Measured(_) => None,
    }
}

fn update(args: &SnapshotArgs, dir: &Path) -> Done {
    fs::create_dir_all(dir).map_err(|error| format!("could not create {}: {error}", dir.display()))?;
    // All of them are made before the first is written: a capture that cannot be read changes no golden.
    let made = goldens(args, dir)?.into_iter();
    let made = made.map(|(golden, path)| Ok((golden, text(args, path)?)));
    for (golden, new) in made.collect::<Result<Vec<_>, Failure>>()? {
        let shown = output::shown(&golden);
        let what = match crate::cli::commands::input::text(&golden) {
            Ok(old) if old == new => "unchanged",
            Ok(_) => "updated",
            Err(_) => "new",
        };
        if what != "unchanged" {
            output::write_shared(&golden, Existing::Replace, new.as_bytes())?;
        }
        output::put(Format::Text, format!("{shown}: {what}\n"))?;
    }
    report_orphans(args, dir)?;
    Ok(Outcome::Ok)
}

/// Reports golden files without a capture among the arguments: nothing exercises them here.
fn report_orphans(args: &SnapshotArgs, dir: &Path) -> Result<(), Failure> {
    let listed = match fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("could not read {}: {error}", dir.display()).into()),
    };
    let files = listed
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let captures = args.captures.iter().map(|path| path.to_string_lossy().into_owned());
    for orphan in names::pair(captures, files, names::ENDING).orphaned {
        output::say(format!(
            "{}: this golden file belongs to no capture that was given",
            dir.join(orphan).display()
        ));
    }
    Ok(())
}
