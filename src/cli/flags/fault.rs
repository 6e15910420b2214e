//! Flags of faults, for the commands that serve.

use std::path::PathBuf;

use crate::serve::Fault;
use clap::Args;

/// Flags of injected faults.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
pub(crate) struct FaultArgs {
    /// Fault to inject, KIND:KEY=VALUE,…, such as drop:every=10; `--fault help` lists the kinds; can be repeated
    #[arg(long = "fault", value_name = "SPEC")]
    pub(crate) faults: Vec<FaultArg>,

    /// TOML file with faults and a seed; they come before those of --fault
    #[arg(long, value_name = "FILE")]
    pub(crate) fault_plan: Option<PathBuf>,

    /// Seed of random choices [default: that of the plan, else 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// A fault, or a request for the list of faults.
#[derive(Debug, Clone)]
pub(crate) enum FaultArg {
    Help,
    Fault(Fault),
}

impl std::str::FromStr for FaultArg {
    type Err = crate::serve::FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "help" {
            return Ok(Self::Help);
        }
        text.parse().map(Self::Fault)
    }
}
