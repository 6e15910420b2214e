//! Rules about the set of sensors.

use std::collections::{BTreeSet, HashMap};

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::frozen,
    },
    das::{
        dialect::Dialect,
        expect::{ExpectationSource, Expectations, SensorSet},
        focus::Span,
        spectrogram::Row,
    },
    model::finding::{Place, Severity},
    model::text::grouped,
};

/// The stream has a sensor that was not requested.
pub(crate) const UNEXPECTED_SENSOR: Rule = Rule {
    id: "unexpected-sensor",
    severity: Severity::Error,
    otherwise: Some((
        Severity::Warning,
        "the server uses other sensor numbers than the request",
    )),
    phase: RulePhase::Identity,
    title: "only the configured sensors are sent",
    unit: "rows",
    doc: "A sensor id is in neither an expectation nor the configure response (channel_to_stream_index). If the \
          response maps no channels, the channels of the request count, provided that the first row uses them as ids. \
          A server with other sensor numbers causes a warning only when no id matches, and none when it counts the \
          same number of sensors from 0.",
    hint: "compare the configure request with what the server sends; it may serve another job",
};

/// A requested sensor is missing.
pub(crate) const MISSING_SENSOR: Rule = Rule {
    id: "missing-sensor",
    severity: Severity::Error,
    otherwise: Some((
        Severity::Warning,
        "a sensor of the configure response is missing in only some rows",
    )),
    phase: RulePhase::Content,
    title: "every configured sensor is sent",
    unit: "rows",
    doc: "A row of datastream lacks a sensor of an expectation (error) or of the configure response (warning; error \
          when no row has it). request-not-met judges the request, because servers may skip channels.",
    hint: "the server drops channels, or the expectation is too wide",
};

/// The set of sensors changes.
pub(crate) const SENSOR_SET_CHANGE: Rule = Rule {
    id: "sensor-set-change",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the same sensors come in every row",
    unit: "times",
    doc: "A row has other sensors than the previous row, and no expectation explains it. A change and the change back \
          count as two.",
    hint: "the job was reconfigured, or a channel drops out",
};

/// The order of sensors changes.
pub(crate) const SENSOR_ORDER: Rule = Rule {
    id: "sensor-order",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "sensors keep their order",
    unit: "times",
    doc: "A row has the same sensors as the previous row in another order. A change and the change back count as two.",
    hint: "clients that identify sensors by their position show the wrong sensor",
};

/// Largest set in which missing sensors are searched; no fibre has more channels.
const MAX_SET: u64 = 1 << 20;

/// The sensors of a call: which they are, and what is remembered of each.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    ids: Vec<i32>,
    /// The sensors of all rows so far, up to as many as a fibre can have.
    ever: BTreeSet<i32>,
    pub(crate) states: Vec<frozen::Sensor>,
    wanted: Wanted,
    standing: Standing,
}

/// What the sensors of a call are compared with.
#[derive(Debug, Default)]
enum Wanted {
    #[default]
    Anything,
    /// A set, and the severity of a sensor that is missing from it; `None` when the call may carry a part of it.
    Set { set: SensorSet, lacking: Option<Severity> },
    /// A range that may or may not be meant as ids: the first row tells.
    Asked(Span<i64>),
}

/// How the current sensors compare with the wanted ones.
#[derive(Debug, Default)]
struct Standing {
    unexpected: Option<(i32, usize, Severity)>,
    missing: Option<(i32, u64, Severity)>,
}

impl Standing {
    const fn is_fine(&self) -> bool {
        self.unexpected.is_none() && self.missing.is_none()
    }
}

/// How a row's sensors compare with those of the row before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// They are unchanged.
    Same,
    /// They changed, or are wrong.
    Flawed,
}

impl Roster {
    pub(crate) fn new(expect: &Expectations, dialect: Dialect) -> Self {
        let panda = dialect == Dialect::PandaDataStream;
        let parted = panda || expect.streams.as_ref().is_some_and(|streams| streams.value > 1);
        let wanted = if let Some(sensors) = &expect.sensors {
            Wanted::Set {
                set: sensors.value.clone(),
                lacking: (!parted).then_some(Severity::Error),
            }
        } else if panda && !expect.channels.streams.is_empty() {
            // channel-range-mismatch knows better.
            Wanted::Anything
        } else if !expect.channels.streams.is_empty() {
            Wanted::Set {
                set: expect.channels.streams.keys().copied().collect(),
                lacking: (!parted).then_some(Severity::Warning),
            }
        } else {
            expect.channels.asked.map_or(Wanted::Anything, Wanted::Asked)
        };
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// The ids in the order of the last row.
    pub(crate) fn ids(&self) -> &[i32] {
        &self.ids
    }

    /// The ids of every row so far.
    pub(crate) const fn ever(&self) -> &BTreeSet<i32> {
        &self.ever
    }

    /// Judges a row's sensors; `same` is the result of [`Self::is`]; the row holds no sensor twice.
    pub(crate) fn meet(&mut self, log: &mut FindingLog, place: Place, row: &Row<'_>, same: bool) -> Met {
        if !same {
            self.change(log, place, row);
        }
        if self.standing.is_fine() {
            return if same { Met::Same } else { Met::Flawed };
        }
        unexpected_sensor(log, place, &self.standing);
        missing_sensor(log, place, &self.standing);
        Met::Flawed
    }

    /// True when the row has the known sensors in the known order.
    #[inline]
    pub(crate) fn is(&self, row: &Row<'_>) -> bool {
        let ids = row.sensors.iter().map(|sensor| sensor.id);
        row.sensors.len() == self.ids.len() && ids.eq(self.ids.iter().copied())
    }

    #[cold]
    fn change(&mut self, log: &mut FindingLog, place: Place, row: &Row<'_>) {
        let ids: Vec<i32> = row.sensors.iter().map(|sensor| sensor.id).collect();
        let first = self.ids.is_empty();
        if first {
            self.settle(&ids);
        }
        let standing = self.stand(&ids, place, log);
        let explained = !standing.is_fine() || !self.standing.is_fine();
        let (old, new): (BTreeSet<_>, BTreeSet<_>) =
            (self.ids.iter().copied().collect(), ids.iter().copied().collect());
        if !first && old == new {
            sensor_order(log, place);
        } else if !first && !explained {
            sensor_set_change(log, place, &old, &new);
        }
        let mut states: HashMap<_, _> = self.ids.drain(..).zip(self.states.drain(..)).collect();
        self.states = ids.iter().map(|id| states.remove(id).unwrap_or_default()).collect();
        let room = (MAX_SET as usize).saturating_sub(self.ever.len());
        self.ever.extend(ids.iter().take(room));
        self.ids = ids;
        self.standing = standing;
    }

    /// Decides whether a requested range is meant as ids.
    fn settle(&mut self, ids: &[i32]) {
        let Wanted::Asked(span) = self.wanted else { return };
        let set = SensorSet::from(span);
        let inside = ids.iter().filter(|id| set.contains(**id)).count();
        let from_zero = ids.iter().min() == Some(&0) && span.min > 0 && ids.len() as u64 <= set.len();
        self.wanted = match inside {
            0 if !from_zero => return,
            _ if from_zero => Wanted::Anything,
            _ => Wanted::Set { set, lacking: None },
        };
    }

    fn stand(&self, ids: &[i32], place: Place, log: &mut FindingLog) -> Standing {
        match &self.wanted {
            Wanted::Anything => Standing::default(),
            Wanted::Asked(span) => {
                if self.ids.is_empty() {
                    numbered_otherwise(log, place, ids, *span);
                }
                Standing::default()
            }
            Wanted::Set { set, lacking } => {
                let others = ids.iter().filter(|id| !set.contains(**id));
                let unexpected = others.clone().next().map(|id| (*id, others.count(), Severity::Error));
                let inside = ids.iter().filter(|id| set.contains(**id)).count() as u64;
                let lack = set.len().saturating_sub(inside);
                let here: BTreeSet<_> = ids.iter().map(|id| i64::from(*id)).collect();
                let first = || {
                    set.ids()
                        .find(|id| !here.contains(id))
                        .and_then(|id| i32::try_from(id).ok())
                };
                let missing = lacking
                    .filter(|_| lack > 0 && set.len() <= MAX_SET)
                    .and_then(|severity| Some((first()?, lack, severity)));
                Standing { unexpected, missing }
            }
        }
    }
}

fn unexpected_sensor(log: &mut FindingLog, place: Place, standing: &Standing) {
    let Some((id, count, severity)) = standing.unexpected else {
        return;
    };
    let note = Note::new(&UNEXPECTED_SENSOR, place.at_sensor(id));
    log.note(note.severity(severity).weight(count as f64), || {
        let what = match count {
            0 | 1 => format!("sensor {id} was"),
            _ => format!("sensor {id} and {} more were", count - 1),
        };
        Text::new(format!("{what} not configured, in {place}")).seen(id)
    });
}

fn missing_sensor(log: &mut FindingLog, place: Place, standing: &Standing) {
    let Some((id, count, severity)) = standing.missing else {
        return;
    };
    let note = Note::new(&MISSING_SENSOR, place.at_sensor(id));
    log.note(note.severity(severity).weight(count as f64), || {
        let what = match count {
            0 | 1 => format!("sensor {id} is"),
            _ => format!("sensor {id} and {} more are", count - 1),
        };
        Text::new(format!("{what} missing, in {place}")).expected(id)
    });
}

fn numbered_otherwise(log: &mut FindingLog, place: Place, ids: &[i32], span: Span<i64>) {
    let Some(first) = ids.first() else { return };
    let note = Note::new(&UNEXPECTED_SENSOR, place.at_sensor(*first)).severity(Severity::Warning);
    log.note(note, || {
        Text::new(format!(
            "none of the {} sensors, the first is {first}, is among the channels {span} that were requested: the \
             server uses other numbers, or streams another part of the fibre",
            ids.len()
        ))
        .seen(first)
        .expected(span)
    });
}

fn sensor_order(log: &mut FindingLog, place: Place) {
    log.note(Note::new(&SENSOR_ORDER, place), || {
        Text::new(format!("the sensors are in another order in {place}"))
    });
}

fn sensor_set_change(log: &mut FindingLog, place: Place, old: &BTreeSet<i32>, new: &BTreeSet<i32>) {
    let left: Vec<_> = old.difference(new).copied().collect();
    let came: Vec<_> = new.difference(old).copied().collect();
    let place = left.first().or(came.first()).map_or(place, |id| place.at_sensor(*id));
    log.note(Note::new(&SENSOR_SET_CHANGE, place), || {
        let some = |ids: &[i32]| match ids {
            [] => "none".to_owned(),
            [id] => id.to_string(),
            [id, rest @ ..] => format!("{id} and {} more", rest.len()),
        };
        Text::new(format!(
            "sensors left: {}; came: {}; at {place}",
            some(&left),
            some(&came)
        ))
        .seen(new.len())
        .expected(old.len())
    });
}

/// Reports sensors that the configure response maps to a stream and that no row of any stream holds.
pub(crate) fn never_seen(log: &mut FindingLog, expect: &Expectations, seen: &BTreeSet<i32>) {
    if expect.sensors.is_some() {
        return;
    }
    let mapped = expect.channels.streams.keys();
    let mut lacking = mapped
        .filter_map(|id| i32::try_from(*id).ok())
        .filter(|id| !seen.contains(id));
    let Some(first) = lacking.next() else { return };
    let others = lacking.count() as u64;
    let note = Note::new(&MISSING_SENSOR, Place::default().at_sensor(first));
    log.note(note, || {
        let what = match others {
            0 => format!("sensor {first} of the configure response is"),
            _ => format!(
                "sensor {first} and {} more of the configure response are",
                grouped(others)
            ),
        };
        Text::new(format!("{what} in no row")).expected(first)
    });
}

/// Reports explicitly expected sensors that are missing from the union of all streams.
pub(crate) fn lacking_over_all(log: &mut FindingLog, expect: &Expectations, seen: &BTreeSet<i32>) {
    let Some(sensors) = expect
        .sensors
        .as_ref()
        .filter(|sensors| sensors.source != ExpectationSource::Response)
    else {
        return;
    };
    let set = &sensors.value;
    let lack = set
        .len()
        .saturating_sub(seen.iter().filter(|id| set.contains(**id)).count() as u64);
    if lack == 0 || set.len() > MAX_SET {
        return;
    }
    let first = set
        .ids()
        .find_map(|id| i32::try_from(id).ok().filter(|id| !seen.contains(id)));
    let Some(id) = first else { return };
    let missing = Some((id, lack, Severity::Error));
    missing_sensor(
        log,
        Place::default(),
        &Standing {
            unexpected: None,
            missing,
        },
    );
}
