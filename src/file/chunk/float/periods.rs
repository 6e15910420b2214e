//! Distances at which the structure of messages repeats: candidates for a prediction.

use super::Found;

/// Distances at which the structure repeats, in words.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Periods {
    /// Length of the latest run.
    run: usize,
    /// Distance of the latest two groups of runs: rows of sensors.
    group: usize,
    group_start: Option<(usize, usize, usize)>,
    /// Distance of the latest two messages.
    message: usize,
    message_start: Option<(usize, usize)>,
}

impl Periods {
    /// Notes a run of this many words at word `at` of its stream.
    pub(super) fn note(&mut self, at: usize, message: usize, found: &Found, words: usize) {
        self.run = words;
        match self.message_start {
            Some((last, _)) if last == message => {}
            Some((_, start)) => {
                self.message = at - start;
                self.message_start = Some((message, at));
            }
            None => self.message_start = Some((message, at)),
        }
        match self.group_start {
            Some((last, group, _)) if (last, group) == (message, found.group) => {}
            Some((_, _, start)) => {
                self.group = at - start;
                self.group_start = Some((message, found.group, at));
            }
            None => self.group_start = Some((message, found.group, at)),
        }
    }

    /// Distances worth trying: the neighbouring bin, sensor, row and message, and parts of a run that may hold several
    /// sensors, as production's payloads do.
    pub(super) fn candidates(&self, into: &mut Vec<usize>) {
        into.clear();
        into.extend([1, self.run, self.group, self.message]);
        let parts = [64, 128, 256, 512, 1024];
        into.extend(
            parts
                .into_iter()
                .filter(|part| self.run > *part && self.run.is_multiple_of(*part)),
        );
    }
}
