//! `tong doctor`: what tong needs of this machine, what was found, and what to do about it.
//!
//! Each file beside this one checks one group of things and answers with [`Finding`]s. Checks look and try; they make
//! nothing and change nothing, and none may fail as a whole: a machine on which much is broken is what this command is
//! for. What can go badly wrong is tried in a process of its own (`trials.rs`).

mod cleaners;
mod containers;
mod directory;
mod files;
mod finding;
mod kernel;
mod leftovers;
mod limits;
mod machine_wide;
mod namespace;
mod processors;
mod report;
mod room;
mod trials;
mod users;

use crate::args::DoctorArgs;
use crate::exit::{Code, Failure};
use crate::output;
use finding::{Finding, Level};

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    if let Some(role) = trials::Role::of_this_process() {
        return role.play();
    }
    let findings = examine();
    let shown = findings
        .iter()
        .filter(|finding| !args.quiet || finding.level > Level::Ok);
    if args.json {
        shown.into_iter().try_for_each(output::print_json)?;
    } else {
        report::print(shown)?;
    }
    judge(&findings, args)
}

/// All findings, in the order in which they are shown.
fn examine() -> Vec<Finding> {
    let mut findings = kernel::check();
    findings.extend(trials::check());
    findings.extend(limits::check());
    let (found, standing) = namespace::check();
    findings.extend(found);
    findings.extend(machine_wide::check());
    findings.extend(containers::check());
    findings.extend(leftovers::check(standing));
    findings.extend(processors::check());
    findings
}

/// The verdict: on standard error if something is broken.
fn judge(findings: &[Finding], args: &DoctorArgs) -> Result<(), Failure> {
    let count = |level| findings.iter().filter(|it| it.level == level).count();
    let [warnings, errors] = [Level::Warning, Level::Error].map(count);
    let in_words = |count: usize, noun| crate::text::count(count as u64, noun);
    if errors > 0 {
        let text = format!(
            "something is broken: {}, {}",
            in_words(errors, "error"),
            in_words(warnings, "warning")
        );
        return Err(Failure::Own(Code::Other, text));
    }
    if args.json || args.quiet {
        return Ok(());
    }
    output::print(&match warnings {
        0 => "\ntong works here\n".to_owned(),
        _ => format!(
            "\ntong works here, with {}\n",
            in_words(warnings, "warning")
        ),
    })
}
