//! Rules about streams that never started: it was not configured, its job was not healthy, it was not recorded.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
    },
    model::finding::{Place, Severity},
};

/// The recorder says why it did not record a job.
pub(crate) const NOT_RECORDED: Rule = Rule {
    id: "not-recorded",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Beginning,
    title: "everything that was asked for is recorded",
    unit: "times",
    doc: "The recorder noted that it could not record a job or a call: no connection, a job that did not become healthy, \
          a limit.",
    hint: "the message gives the reason why nothing was recorded here: correct this, and record again",
};

/// The REST side refused the job.
pub(crate) const CONFIGURE_REFUSED: Rule = Rule {
    id: "configure-refused",
    severity: Severity::Error,
    otherwise: Some((Severity::Warning, "frames came nevertheless")),
    phase: RulePhase::Beginning,
    title: "the server accepts the configure request",
    unit: "times",
    doc: "The last configure request that the proxy saw was refused (an error status, or an error in the answer), or \
          had no answer. A request that is refused first and succeeds later is allowed, because servers wait for their \
          fibre.",
    hint: "read the reason in the answer; the notes of the capture hold the request and the answer",
};

/// The job says that it is not healthy.
pub(crate) const UNHEALTHY_JOB: Rule = Rule {
    id: "unhealthy-job",
    severity: Severity::Error,
    otherwise: Some((Severity::Warning, "frames came nevertheless")),
    phase: RulePhase::Health,
    title: "the job is healthy",
    unit: "streams",
    doc: "The last health check (CheckHealth, or grpc.health.v1) of the same :authority before the end of a stream \
          without frames, or before the end of the capture, was answered with unhealthy or not at all. A job may be \
          unhealthy while it starts.",
    hint: "the job reports that it cannot stream: look at its log and at its data source",
};

pub(crate) fn not_recorded(log: &mut FindingLog, place: Place, why: &str) {
    log.note(Note::new(&NOT_RECORDED, place), || {
        Text::new(format!("the recorder could not record: {why}"))
    });
}

pub(crate) fn configure_refused(log: &mut FindingLog, place: Place, what: &str, has_frames: bool) {
    let severity = by_frames(has_frames);
    log.note(Note::new(&CONFIGURE_REFUSED, place).severity(severity), || {
        Text::new(what)
    });
}

pub(crate) fn unhealthy_job(log: &mut FindingLog, place: Place, what: &str, has_frames: bool) {
    let severity = by_frames(has_frames);
    log.note(Note::new(&UNHEALTHY_JOB, place).severity(severity), || {
        Text::new(format!("{what}, at {place}"))
    });
}

const fn by_frames(has_frames: bool) -> Severity {
    if has_frames { Severity::Warning } else { Severity::Error }
}
