//! Which codec the next chunk takes.
//!
//! A cheaper codec helps a stream that waits for compression, and harms one that waits for the disk, which then gets more
//! bytes. So the choice goes by what the writer thread, where all stages meet, waits for: chunks that are not compressed
//! yet, or its own writing. What the one weighs more than the other adds up, and moves the choice.

use std::time::Duration;

use super::super::timer::Moment;
use crate::file::Codec;

/// Codecs, the wanted one first and cheaper ones behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::record) struct CodecPreference(Vec<Codec>);

impl CodecPreference {
    /// The wanted codec, and cheaper ones in the order in which they are resorted to.
    #[must_use]
    pub(super) fn new(wanted: Codec, cheaper: impl IntoIterator<Item = Codec>) -> Self {
        Self(std::iter::once(wanted).chain(cheaper).collect())
    }
}

impl Default for CodecPreference {
    fn default() -> Self {
        Self::new(Codec::Float, [Codec::FloatFast, Codec::Stored])
    }
}

/// What messages in the queue waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::record) struct Waited {
    /// For chunks to be compressed, or for a core while compression took them.
    pub(in crate::record) compression: Duration,
    /// For the storage to take what was compressed.
    pub(in crate::record) writing: Duration,
}

impl std::ops::AddAssign for Waited {
    fn add_assign(&mut self, more: Self) {
        self.compression += more.compression;
        self.writing += more.writing;
    }
}

/// Messages wait once the queue is this full, in percent: then one cheaper codec may be taken …
const WAITING_FROM: u8 = 15;
/// … and from here on the cheapest, so that most of the queue is left for what comes meanwhile.
const CHEAPEST_FROM: u8 = 35;
/// The queue has drained when it is this full at most.
const DRAINED_UP_TO: u8 = 5;
/// A cheaper codec makes about a third more bytes to write: it is worth it when compression is waited for by more than this
/// part of the writing.
const MORE_TO_WRITE: i64 = 3;
/// Compression is waited for by so much more than it would cost when a cheaper codec is taken: a few chunks of a megabyte, and a
/// tenth of what the queue holds of a stream of 800 MB/s.
const BEHIND: Duration = Duration::from_millis(3);
/// The queue has been drained for this long, or writing was waited for by so much more, when a better codec is taken again. Less would go up and down within one burst.
const PATIENCE: Duration = Duration::from_millis(50);
/// A better codec that had to be given up sooner than that doubles the patience, up to this: a stream that is always too fast for it would
/// otherwise fill the queue again and again.
const LONGEST_PATIENCE: Duration = Duration::from_secs(4);
/// Cores are short when the writer waits for one for this part of the time that it works: a third.
const SHORT_OF_CORES: u32 = 3;
/// Of the times that this is judged by, each chunk keeps this many eighths, so that about eight chunks count.
const KEPT_EIGHTHS: u32 = 7;

/// Chooses the codec of each chunk.
#[derive(Debug)]
pub(super) struct CodecChoice {
    preference: CodecPreference,
    /// Place in the preference.
    at: usize,
    /// How full the queue is, in percent.
    pressure: u8,
    /// Since the last choice.
    recent: Recent,
    cores: Cores,
    /// By how many nanoseconds compression, as often as [`MORE_TO_WRITE`] says, was waited for more than writing, since the
    /// last change.
    lead_ns: i64,
    /// Chunks under way that still have the codec of before the last change, or that found no others under way: for how long
    /// they are waited for says nothing.
    outdated: usize,
    /// Chunks that may be under way.
    room: usize,
    /// Since when the queue has been drained.
    drained: Option<Duration>,
    patience: Duration,
    /// When the last change was one to a better codec, that.
    bettered: Option<Duration>,
    waited: Waited,
}

/// What the writer thread did since the last choice.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    /// It waited for compressed chunks.
    compression: Duration,
    /// It wrote …
    writing: Duration,
    /// … and worked so long for that.
    writing_cpu: Duration,
}

/// Whether the threads of the machine have to wait for its cores.
#[derive(Debug, Clone, Copy, Default)]
struct Cores {
    last: Option<(Duration, Duration)>,
    worked: Duration,
    starved: Duration,
}

impl Cores {
    /// At this moment the thread has waited for a core for so long altogether. Answers how long it did since the last
    /// time, if cores are short.
    fn starved(&mut self, cpu: Duration, starved: Duration) -> Option<Duration> {
        let (last_cpu, last_starved) = self.last.replace((cpu, starved))?;
        let more = starved.saturating_sub(last_starved);
        let kept = |sum: Duration| sum * KEPT_EIGHTHS / 8;
        self.worked = kept(self.worked) + cpu.saturating_sub(last_cpu);
        self.starved = kept(self.starved) + more;
        (!self.starved.is_zero() && self.starved * SHORT_OF_CORES >= self.worked).then_some(more)
    }
}

impl CodecChoice {
    /// Begins with the wanted codec; up to `room` chunks will be under way.
    pub(super) fn new(preference: CodecPreference, room: usize) -> Self {
        Self {
            preference,
            at: 0,
            pressure: 0,
            recent: Recent::default(),
            cores: Cores::default(),
            lead_ns: 0,
            outdated: room,
            room,
            drained: None,
            patience: PATIENCE,
            bettered: None,
            waited: Waited::default(),
        }
    }

    pub(super) fn pressure(&mut self, percent: u8) {
        self.pressure = percent;
    }

    /// True while messages wait in the queue.
    pub(super) const fn is_waited(&self) -> bool {
        self.pressure >= WAITING_FROM
    }

    /// True when the chosen codec is not the wanted one.
    pub(super) const fn is_cheaper(&self) -> bool {
        self.at > 0
    }

    /// What messages in the queue have waited for so far.
    pub(super) const fn waited(&self) -> Waited {
        self.waited
    }

    /// The writer thread waited for a chunk to be compressed.
    pub(super) fn compression_took(&mut self, from: Moment, to: Moment) {
        self.recent.compression += to.at.saturating_sub(from.at);
    }

    /// The writer thread wrote a chunk.
    pub(super) fn writing_took(&mut self, from: Moment, to: Moment) {
        self.recent.writing += to.at.saturating_sub(from.at);
        self.recent.writing_cpu += to.cpu.saturating_sub(from.cpu);
    }

    /// The codec of the next chunk, while so many are `under_way`. `starved` is for how long the writer thread has waited
    /// for a core altogether; it counts only while messages wait.
    pub(super) fn next(&mut self, now: Moment, starved: Option<Duration>, under_way: usize) -> Codec {
        let recent = std::mem::take(&mut self.recent);
        if self.is_waited() {
            let starved = starved.and_then(|starved| self.cores.starved(now.cpu, starved));
            let recent = recent.waited(starved);
            self.waited += recent;
            if self.outdated == 0 {
                self.lead_ns += nanos(recent.compression) * MORE_TO_WRITE - nanos(recent.writing);
            }
        } else {
            self.cores.last = None;
            self.outdated = self.room + 1;
        }
        self.outdated = self.outdated.saturating_sub(1);
        self.change(now.at, under_way);
        self.preference.0.get(self.at).copied().unwrap_or(Codec::Stored)
    }

    fn change(&mut self, at: Duration, under_way: usize) {
        let last = self.preference.0.len().saturating_sub(1);
        let cheapest = match self.pressure {
            CHEAPEST_FROM.. => last,
            WAITING_FROM.. => last.min(1),
            _ => 0,
        };
        let drained = self.pressure <= DRAINED_UP_TO;
        let since = *self.drained.get_or_insert(at);
        if drained {
            self.lead_ns = 0;
        } else {
            self.drained = None;
        }
        let is_calm = drained && at.saturating_sub(since) >= self.patience;
        if self.lead_ns >= nanos(BEHIND) * MORE_TO_WRITE && self.at < cheapest {
            self.patience = match self.bettered.take() {
                Some(since) if at.saturating_sub(since) < self.patience => (self.patience * 2).min(LONGEST_PATIENCE),
                Some(_) => PATIENCE,
                None => self.patience,
            };
            self.at += 1;
            (self.lead_ns, self.outdated) = (0, under_way);
        } else if is_calm || self.lead_ns <= -nanos(self.patience) {
            self.drained = None;
            if self.at == 0 {
                self.patience = PATIENCE;
            } else {
                self.at -= 1;
                self.bettered = Some(at);
                (self.lead_ns, self.outdated) = (0, under_way);
            }
        }
        // What can change nothing is not remembered.
        let least = if self.at == 0 { 0 } else { -nanos(self.patience) };
        let most = if self.at == last {
            0
        } else {
            nanos(BEHIND) * MORE_TO_WRITE
        };
        self.lead_ns = self.lead_ns.clamp(least, most);
    }
}

impl Recent {
    /// What was waited for. `starved` is for how long the writer waited for a core, when cores are short. If it slept for less
    /// than half the time that this and its own work took, all threads together have too much to do, of which a cheaper codec
    /// makes less.
    fn waited(self, starved: Option<Duration>) -> Waited {
        let busy = starved.map_or(Duration::ZERO, |starved| self.writing_cpu + starved);
        let slept = self.writing.saturating_sub(busy);
        if slept * 2 >= busy {
            return Waited {
                compression: self.compression,
                writing: self.writing,
            };
        }
        Waited {
            compression: self.compression + self.writing.saturating_sub(slept),
            writing: slept,
        }
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
