//! Sets of sensor ids, as ranges in text.

use std::{fmt, str::FromStr};

use super::words::{NoSpan, Span};

/// Sensor ids, as ranges: `1..50`, `1..10, 20, 30..40`.
///
/// ```
/// use grpc_capture::das::SensorSet;
/// let set: SensorSet = "1..3, 7".parse().unwrap();
/// assert!(set.contains(2) && set.contains(7) && !set.contains(5));
/// assert_eq!((set.len(), set.to_string().as_str()), (4, "1..3, 7"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SensorSet {
    /// The ranges, sorted and without overlap.
    spans: Vec<Span<i64>>,
}

impl SensorSet {
    /// True when the sensor is one of them.
    #[must_use]
    pub fn contains(&self, id: i32) -> bool {
        let id = i64::from(id);
        let after = self.spans.partition_point(|span| span.min <= id);
        let before = after.checked_sub(1).and_then(|at| self.spans.get(at));
        before.is_some_and(|span| id <= span.max)
    }

    /// The number of sensors.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.spans
            .iter()
            .map(|span| span.max.abs_diff(span.min).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The ranges, sorted and without overlap.
    #[must_use]
    pub fn spans(&self) -> &[Span<i64>] {
        &self.spans
    }

    /// The intersection of two sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for (one, two) in self
            .spans
            .iter()
            .flat_map(|one| other.spans.iter().map(move |two| (one, two)))
        {
            let span = Span {
                min: one.min.max(two.min),
                max: one.max.min(two.max),
            };
            if span.min <= span.max {
                both.add(span);
            }
        }
        both
    }

    /// The ids in order.
    pub fn ids(&self) -> impl Iterator<Item = i64> + '_ {
        self.spans.iter().flat_map(|span| span.min..=span.max)
    }

    fn add(&mut self, span: Span<i64>) {
        self.spans.push(span);
        self.spans.sort_by_key(|span| span.min);
        let mut joined: Vec<Span<i64>> = Vec::with_capacity(self.spans.len());
        for span in &self.spans {
            match joined.last_mut() {
                Some(last) if span.min <= last.max.saturating_add(1) => last.max = last.max.max(span.max),
                _ => joined.push(*span),
            }
        }
        self.spans = joined;
    }
}

impl From<Span<i64>> for SensorSet {
    fn from(span: Span<i64>) -> Self {
        let spans = vec![span];
        Self { spans }
    }
}

impl FromIterator<i64> for SensorSet {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort_unstable();
        let mut spans: Vec<Span<i64>> = Vec::new();
        for id in ids {
            match spans.last_mut() {
                Some(last) if id <= last.max.saturating_add(1) => last.max = id,
                _ => spans.push(Span { min: id, max: id }),
            }
        }
        Self { spans }
    }
}

impl FromStr for SensorSet {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let mut set = Self::default();
        for part in text.split(',') {
            let span: Span<i64> = part.parse()?;
            if span.max < span.min {
                return Err(NoSpan(part.trim().to_owned()));
            }
            set.add(span);
        }
        Ok(set)
    }
}

impl fmt::Display for SensorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, span) in self.spans.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if span.min == span.max {
                write!(f, "{}", span.min)?;
            } else {
                write!(f, "{span}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_and() -> Result<(), crate::das::focus::words::NoSpan> {
        use crate::das::SensorSet;
        let (a, b): (SensorSet, SensorSet) = ("1..10, 20".parse()?, "8..30".parse()?);
        assert_eq!(a.and(&b).to_string(), "8..10, 20");
        Ok(())
    }
}
