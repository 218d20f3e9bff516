//! Processors and clocks: what speed depends on.

use super::files;
use super::finding::Finding;
use std::time::Instant;

const GROUP: &str = "processors";
const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0";
/// Clocks that a process reads without asking the kernel.
const FAST_CLOCKS: [&str; 5] = [
    "tsc",
    "kvm-clock",
    "arch_sys_counter",
    "hyperv_clocksource_tsc_page",
    "riscv_clocksource",
];
/// Readings of which the fastest counts.
const READINGS: u32 = 1000;

pub(super) fn check() -> Vec<Finding> {
    vec![number(), clock()]
}

fn number() -> Finding {
    const CHECK: &str = "number";
    match std::thread::available_parallelism().map(usize::from) {
        Ok(1) => Finding::ok(
            GROUP,
            CHECK,
            "1, so waiting threads sleep at once instead of looking again for a moment",
        )
        .advise("with two or more, short waits are much faster (taskset, cpuset, --cpus)"),
        Ok(number) => Finding::ok(GROUP, CHECK, number.to_string()),
        Err(error) => Finding::warning(GROUP, CHECK, format!("unknown: {error}")),
    }
}

fn clock() -> Finding {
    const CHECK: &str = "clock";
    let cost = cost_of_reading();
    let name = files::text(format!("{CLOCK}/current_clocksource"));
    let shown = name.as_deref().unwrap_or("unknown");
    let found = format!("{shown}, read in {cost} ns");
    match name.as_deref() {
        Some(slow) if !FAST_CLOCKS.contains(&slow) => {
            let better = files::text(format!("{CLOCK}/available_clocksource")).unwrap_or_default();
            let better = better.split(' ').find(|name| FAST_CLOCKS.contains(name));
            let finding = Finding::warning(
                GROUP,
                CHECK,
                format!("{found}: each message has a time stamp, so it costs more"),
            );
            match better {
                Some(better) => finding.advise(format!(
                    "echo {better} | sudo tee {CLOCK}/current_clocksource"
                )),
                None => finding.advise("the kernel offers no faster one; see dmesg | grep -i clocksource for the reason"),
            }
        }
        _ => Finding::ok(GROUP, CHECK, found),
    }
}

/// Nanoseconds that reading the clock takes at best.
fn cost_of_reading() -> u128 {
    let reading = |_| {
        let begun = Instant::now();
        for _ in 0..10 {
            let _ = std::hint::black_box(Instant::now());
        }
        begun.elapsed().as_nanos() / 10
    };
    (0..READINGS).map(reading).min().unwrap_or(0)
}
