//! Looks through the captures that are to be served, once, before the server starts.

use std::{collections::HashMap, sync::Arc};

use super::{
    catalog::{Catalog, Entry},
    error::ReplayError,
    script::{Job, Scan},
    shape::JobShape,
    source::{Attributes, Source},
};

/// Header attributes that a replay uses.
mod attribute {
    pub(super) const JOB_ID: &str = "job-id";
    pub(super) const DESCRIPTOR_SET: &str = "descriptor-set";
    pub(super) const CONFIGURE_REQUEST: &str = "configure.request";
    pub(super) const CONFIGURE_RESPONSE: &str = "configure.response";
}

/// What is to be served.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// Every job, in the order of the captures.
    pub(super) entries: Vec<Arc<Entry>>,
    /// Name and descriptor set of each capture that embeds one.
    pub(super) descriptor_sets: Vec<(String, Vec<u8>)>,
}

impl Opened {
    /// Reads every capture once. Blocks.
    pub(super) fn read(sources: &[Source], shapes: &HashMap<String, JobShape>) -> Result<Self, ReplayError> {
        let mut opened = Self::default();
        for (source_at, source) in sources.iter().enumerate() {
            let (attributes, events) = source.open()?;
            let mut scan = Scan::default();
            for event in events {
                match event {
                    Ok(event) => scan.take(&event),
                    Err(error) => {
                        // What can be read is served; the replay of the rest ends with DATA_LOSS and says the same.
                        tracing::warn!(%error, "a damaged capture is served as far as it can be read");
                        break;
                    }
                }
            }
            let fallback_id = text(&attributes, attribute::JOB_ID).unwrap_or_else(|| source.stem());
            let jobs = scan.jobs(fallback_id);
            if jobs.is_empty() {
                return Err(ReplayError::NoCall {
                    capture: source.name().to_owned(),
                });
            }
            for job in jobs {
                opened.add(job, source_at, source, &attributes, shapes)?;
            }
            if let Some(set) = get(&attributes, attribute::DESCRIPTOR_SET).filter(|set| !set.is_empty()) {
                opened.descriptor_sets.push((source.name().to_owned(), set.to_vec()));
            }
        }
        if opened.entries.is_empty() {
            Err(ReplayError::NoCapture)
        } else {
            Ok(opened)
        }
    }

    fn add(
        &mut self,
        job: Job,
        source_at: usize,
        source: &Source,
        attributes: &Attributes,
        shapes: &HashMap<String, JobShape>,
    ) -> Result<(), ReplayError> {
        if let Some(first) = self.entries.iter().find(|entry| entry.job.job_id == job.job_id) {
            return Err(ReplayError::SameJob {
                job_id: job.job_id,
                first: first.source.name().to_owned(),
                second: source.name().to_owned(),
            });
        }
        let json = |key| text(attributes, key).and_then(|text| serde_json::from_str(text).ok());
        let shape = shapes.get(&job.job_id).cloned().or_else(|| merged_shape(&job));
        self.entries.push(Arc::new(Entry {
            job,
            source_at,
            source: source.clone(),
            configure: (json(attribute::CONFIGURE_REQUEST), json(attribute::CONFIGURE_RESPONSE)),
            shape,
        }));
        Ok(())
    }

    /// The jobs by port: in production the port chooses the job, so each such job after the first has its own.
    pub(super) fn ports(&self) -> Vec<Catalog> {
        let mut ports = vec![Catalog::default()];
        for entry in &self.entries {
            let taken = ports[0].entries.iter().any(|other| other.job.is_production());
            if taken && entry.job.is_production() {
                ports.push(Catalog {
                    entries: vec![Arc::clone(entry)],
                });
            } else {
                ports[0].entries.push(Arc::clone(entry));
            }
        }
        ports
    }

    /// Full names of the services that the captures hold calls of.
    pub(super) fn services(&self) -> Vec<String> {
        let calls = self.entries.iter().flat_map(|entry| &entry.job.calls);
        let mut services: Vec<String> = calls
            .filter_map(|call| call.method.split('/').nth(1))
            .map(ToOwned::to_owned)
            .collect();
        services.sort_unstable();
        services.dedup();
        services
    }
}

/// The shape of all streams of a job together: each holds a part of the channels.
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

fn get<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a [u8]> {
    attributes
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_slice())
}

fn text<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a str> {
    get(attributes, key)
        .and_then(|value| std::str::from_utf8(value).ok())
        .filter(|text| !text.is_empty())
}
