//! The fault plan, and the counts of its faults.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Fault, FaultError};

/// Faults in the order of application, and the seed of random choices.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct FaultPlan {
    faults: Vec<Fault>,
    seed: u64,
}

/// Number of times that a fault was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultCount {
    /// The fault in its syntax.
    pub fault: String,
    /// Number of affected messages, endings or connections.
    pub struck: u64,
}

impl FaultPlan {
    /// A plan without faults.
    pub const fn new(seed: u64) -> Self {
        Self {
            faults: Vec::new(),
            seed,
        }
    }

    /// Adds a fault after the others.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Sets the seed.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// True when there is no fault.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        write!(f, "seed {}: {}", self.seed, faults.join("; "))
    }
}

impl FromStr for FaultPlan {
    type Err = FaultError;

    /// Parses a plan in TOML: `seed`, and a `[[fault]]` for each, with its `kind` and its keys.
    ///
    /// ```
    /// use grpc_capture::serve::FaultPlan;
    /// let plan: FaultPlan = "seed = 7\n[[fault]]\nkind = \"stall\"\nat = 10\nfor = \"3s\"".parse()?;
    /// assert_eq!(plan.to_string(), "seed 7: stall:at=10,for=3s");
    /// # Ok::<(), grpc_capture::serve::FaultError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = |problem: String| FaultError::new("plan", problem);
        let mut plan = Self::default();
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| wrong(crate::model::text::toml_problem(&error, text)))?;
        for (key, value) in table {
            match (key.as_str(), value) {
                ("seed", toml::Value::Integer(seed)) => {
                    plan.seed = u64::try_from(seed).map_err(|_| wrong("seed is not a number from 0".to_owned()))?;
                }
                ("fault", toml::Value::Array(faults)) => {
                    for fault in faults {
                        plan.faults.push(from_toml(fault)?);
                    }
                }
                _ => {
                    let problem = format!("{key:?} is neither `seed = NUMBER` nor a list of tables [[fault]]");
                    return Err(wrong(problem));
                }
            }
        }
        Ok(plan)
    }
}

fn from_toml(fault: toml::Value) -> Result<Fault, FaultError> {
    let shown = fault.to_string();
    let toml::Value::Table(mut table) = fault else {
        return Err(FaultError::new(&shown, "it is not a table"));
    };
    let Some(toml::Value::String(kind)) = table.remove("kind") else {
        return Err(FaultError::new(&shown, "it has no kind = \"NAME\""));
    };
    let pairs = table.into_iter().map(|(key, value)| match value {
        toml::Value::String(text) => (key, text),
        other => (key, other.to_string()),
    });
    Fault::from_pairs(&shown, &kind, pairs.collect())
}

/// A plan that is being applied.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Running {
    plan: Arc<FaultPlan>,
    struck: Arc<[AtomicU64]>,
}

impl Default for Running {
    fn default() -> Self {
        Self::new(FaultPlan::default())
    }
}

impl Running {
    pub(in crate::serve) fn new(plan: FaultPlan) -> Self {
        Self {
            struck: plan.faults.iter().map(|_| AtomicU64::new(0)).collect(),
            plan: Arc::new(plan),
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.plan.seed
    }

    pub(super) fn faults(&self) -> &[Fault] {
        self.plan.faults()
    }

    /// True when there is no fault.
    pub(in crate::serve) fn is_empty(&self) -> bool {
        self.plan.faults().is_empty()
    }

    /// Counts an application of the fault with index `at`.
    pub(super) fn struck(&self, at: usize) {
        if let Some(count) = self.struck.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(in crate::serve) fn counts(&self) -> Vec<FaultCount> {
        let counts = self.faults().iter().zip(self.struck.iter());
        counts
            .map(|(fault, struck)| FaultCount {
                fault: fault.to_string(),
                struck: struck.load(Ordering::Relaxed),
            })
            .collect()
    }
}
