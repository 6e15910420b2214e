//! Scans the captures to serve once, before the server starts.

use std::{collections::HashMap, sync::Arc};

use super::{
    catalog::{Catalog, Entry},
    error::ReplayError,
    matching::{MatchRules, Reducers},
    schemas::Schemas,
    script::{Job, Scan},
    shape::JobShape,
};
use crate::file::{Attribute, CaptureState, Header};
use crate::replay::source::{Calls, CaptureSource, Events, SourceError};

/// The scanned captures.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// All jobs, in the order of the captures.
    pub(super) entries: Vec<Arc<Entry>>,
    /// Name and descriptor set of each capture that has one.
    pub(super) descriptor_sets: Vec<(String, Vec<u8>)>,
    /// Name and state of each capture.
    pub(super) states: Vec<(String, CaptureState)>,
    /// Reducers of requests by the rules, with the schemas of the captures.
    pub(super) reducers: Arc<Reducers>,
    pub(super) schemas: Arc<Schemas>,
}

impl Opened {
    /// Scans every capture. Blocks.
    pub(super) fn read(
        sources: &[CaptureSource],
        shapes: &HashMap<String, JobShape>,
        rules: MatchRules,
    ) -> Result<Self, ReplayError> {
        let mut opened = Self::default();
        let events = sources.iter().map(CaptureSource::open);
        let events = events.collect::<Result<Vec<_>, _>>()?;
        // Before anything is scanned: a schema tells which fields of a request identify it.
        let sets = events
            .iter()
            .filter_map(|events| events.header().get(Attribute::DESCRIPTOR_SET));
        opened.schemas = Arc::new(Schemas::new(sets.map(<[u8]>::to_vec).collect()));
        opened.reducers = Arc::new(Reducers::new(rules, &opened.schemas));
        for ((source_at, source), mut events) in sources.iter().enumerate().zip(events) {
            let scan = scan(&mut events, &opened.reducers)?;
            opened.states.push((source.name().to_owned(), events.state()?));
            let header = events.header();
            let fallback_id = text(header, Attribute::JOB_ID).unwrap_or_else(|| source.stem());
            let jobs = scan.jobs(fallback_id);
            if jobs.is_empty() {
                return Err(ReplayError::NoCall {
                    capture: source.name().to_owned(),
                });
            }
            for job in jobs {
                opened.add(job, source_at, source, header, shapes)?;
            }
            if let Some(set) = header.get(Attribute::DESCRIPTOR_SET).filter(|set| !set.is_empty()) {
                opened.descriptor_sets.push((source.name().to_owned(), set.to_vec()));
            }
        }
        if opened.entries.is_empty() {
            Err(ReplayError::NoCapture)
        } else {
            opened.reducers.warn_of(&opened.methods());
            Ok(opened)
        }
    }

    fn add(
        &mut self,
        job: Job,
        source_at: usize,
        source: &CaptureSource,
        header: &Header,
        shapes: &HashMap<String, JobShape>,
    ) -> Result<(), ReplayError> {
        if let Some(first) = self.entries.iter().find(|entry| entry.job.job_id == job.job_id) {
            return Err(ReplayError::SameJob {
                job_id: job.job_id,
                first: first.source.name().to_owned(),
                second: source.name().to_owned(),
            });
        }
        let json = |name| text(header, name).and_then(|text| crate::das::focus::parse_body(text.as_bytes()).ok());
        let shape = shapes.get(&job.job_id).cloned().or_else(|| merged_shape(&job));
        self.entries.push(Arc::new(Entry {
            job,
            source_at,
            source: source.clone(),
            configure_request: json(Attribute::CONFIGURE_REQUEST),
            configure_response: json(Attribute::CONFIGURE_RESPONSE),
            shape,
        }));
        Ok(())
    }

    /// Distributes the jobs over ports: in production the port chooses the job, so each such job after the first has
    /// its own.
    pub(super) fn ports(&self) -> Vec<Arc<Catalog>> {
        let mut first = Vec::new();
        let mut others = Vec::new();
        let mut taken = false;
        for entry in &self.entries {
            let production = entry.job.is_production();
            if taken && production {
                others.push(Catalog::new(vec![Arc::clone(entry)]));
            } else {
                taken |= production;
                first.push(Arc::clone(entry));
            }
        }
        std::iter::once(Catalog::new(first))
            .chain(others)
            .map(Arc::new)
            .collect()
    }

    /// The recorded methods, each once.
    fn methods(&self) -> Vec<&str> {
        let calls = self.entries.iter().flat_map(|entry| &entry.job.calls);
        let mut methods: Vec<_> = calls.map(|call| call.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// Full names of the services whose calls the captures contain.
    pub(super) fn services(&self) -> Vec<String> {
        let calls = self.entries.iter().flat_map(|entry| &entry.job.calls);
        let services = calls.filter_map(|call| call.method.split('/').nth(1));
        let mut services: Vec<String> = services.map(ToOwned::to_owned).collect();
        services.sort_unstable();
        services.dedup();
        services
    }
}

/// Distance up to which the scan reads on instead of seeking: chunks are a second long.
const NEAR_NS: u64 = 2_000_000_000;

/// Scans only the openings of the calls, where the capture lists their positions.
fn scan(events: &mut Events, reducers: &Arc<Reducers>) -> Result<Scan, SourceError> {
    let mut scan = match events.calls() {
        Calls::Listed(calls) => Scan::of_listed(&calls),
        Calls::Unlisted => Scan::default(),
    }
    .reduced_by(reducers);
    let mut at_ns = 0;
    while let Some(wanted_ns) = scan.wants_from() {
        // A seek costs more than to read a chunk or two.
        if wanted_ns.saturating_sub(at_ns) > NEAR_NS {
            events.seek(wanted_ns)?;
        }
        match events.next() {
            Some(Ok(event)) => {
                at_ns = at_ns.max(event.offset_ns);
                scan.at_place(events.place_of_last());
                scan.take(&event);
            }
            Some(Err(error)) => {
                // What can be read is served; the replay of the rest ends with DATA_LOSS and says the same.
                tracing::warn!(%error, "a damaged capture is served as far as it can be read");
                break;
            }
            None => break,
        }
    }
    Ok(scan)
}

/// The common shape of all streams of a job: each holds a part of the channels.
fn merged_shape(job: &Job) -> Option<JobShape> {
    let mut shapes = job.calls.iter().filter_map(|call| call.shape.as_ref());
    let mut whole = shapes.next()?.clone();
    for shape in shapes {
        whole.sensors.extend(&shape.sensors);
        whole.lines_dt_s = whole.lines_dt_s.or(shape.lines_dt_s);
    }
    whole.sensors.sort_unstable();
    whole.sensors.dedup();
    Some(whole)
}

fn text<'a>(header: &'a Header, name: &str) -> Option<&'a str> {
    header.text(name).filter(|text| !text.is_empty())
}
