//! Faults of the commands that serve.

use std::fmt::Write as _;

use crate::serve::{FaultCount, FaultPlan, faults::CATALOG};

use super::{Failure, output};
use crate::cli::flags::fault::{FaultArg, FaultArgs};

/// True when the user asks for the list of faults.
pub(crate) fn wants_help(args: &FaultArgs) -> bool {
    args.faults.iter().any(|fault| matches!(fault, FaultArg::Help))
}

/// The list of the kinds of faults, as text.
pub(crate) fn help() -> String {
    let mut text =
        "messages and connections: at=N (with count=N), every=N or p=PROBABILITY, else all; endings: after=N \
                    messages; only one recorded call: call=N\n"
            .to_owned();
    for entry in CATALOG {
        // A string takes no error.
        let _ = writeln!(text, "{:<34}  {} [{}]", entry.example, entry.doc, entry.finding);
    }
    text
}

/// Builds the fault plan from the flags.
pub(crate) fn plan(args: &FaultArgs) -> Result<FaultPlan, Failure> {
    let mut plan = match &args.fault_plan {
        None => FaultPlan::default(),
        Some(path) => {
            let shown = path.display();
            let text = crate::cli::commands::input::text(path)
                .map_err(|error| format!("could not read the plan {shown}: {error}"))?;
            let plan = text.parse::<FaultPlan>();
            plan.map_err(|error| Failure::Usage(format!("{shown}: {error}")))?
        }
    };
    for fault in &args.faults {
        if let FaultArg::Fault(fault) = fault {
            plan = plan.fault(fault.clone());
        }
    }
    Ok(match args.seed {
        Some(seed) => plan.seed(seed),
        None => plan,
    })
}

/// Announces the planned faults.
pub(crate) fn announce(plan: &FaultPlan) {
    if !plan.is_empty() {
        output::say(format!("faults, {plan}"));
    }
}

/// Prints which faults were injected; a fault that never struck tested nothing.
pub(crate) fn sum_up(counts: &[FaultCount]) {
    for FaultCount { fault, struck } in counts {
        output::say(match struck {
            0 => format!("fault {fault} never occurred"),
            times => format!("fault {fault} occurred {}", output::counted(*times, "time")),
        });
    }
}
