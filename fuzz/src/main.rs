//! Feeds the fuzz targets random bytes for a while.
//!
//! `--seconds N` how long, 10 unless given; `--seed N` the same cases again; `--target NAME` only that one; `--case N` only
//! that case. A failure prints how to see it again, and the shortest front of the case that still fails; the exit code is
//! then 1.

use std::io::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tong_fuzz::{Target, TARGETS};

/// Longest case in bytes.
const MOST_LEN: usize = 1500;

/// A case that runs longer hangs.
const HANG: u64 = 120;

struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    case: Option<u64>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            say(&format!("tong-fuzz: {problem}; usage: tong-fuzz [--seconds N] [--seed N] [--target NAME] [--case N]"));
            return ExitCode::from(2);
        }
    };
    let place = tong_fuzz::private_dir();
    std::env::set_var("TONG_DIR", place.path());
    let ok = run(&options);
    // The namespace is not dropped with the process.
    drop(place);
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        seconds: 10,
        seed: fastrand::u64(..1 << 32),
        target: None,
        case: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{arg} {value}: not a number"))
        };
        match arg.as_str() {
            "--seconds" => options.seconds = number()?,
            "--seed" => options.seed = number()?,
            "--case" => options.case = Some(number()?),
            "--target" if TARGETS.iter().any(|(name, _)| *name == value) => {
                options.target = Some(value)
            }
            "--target" => {
                let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
                return Err(format!(
                    "there is no target {value}, only {}",
                    names.join(", ")
                ));
            }
            _ => return Err(format!("{arg} is unknown")),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> bool {
    let targets: Vec<&Target> = TARGETS
        .iter()
        .filter(|(name, _)| options.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    if let Some(case) = options.case {
        return targets
            .iter()
            .all(|target| try_case(target, case, options.seed));
    }
    let started = Instant::now();
    let share = Duration::from_secs(options.seconds) / u32::try_from(targets.len()).unwrap_or(1);
    let progress = &PROGRESS;
    std::thread::spawn(move || watch(progress));
    let mut summary = Vec::new();
    for (index, target) in (1u32..).zip(&targets) {
        let mut cases = 0;
        let mut slowest = (Duration::ZERO, 0);
        while cases == 0 || started.elapsed() < share * index {
            progress.fetch_add(1, Ordering::Relaxed);
            let begun = Instant::now();
            if !try_case(target, cases, options.seed) {
                return false;
            }
            slowest = slowest.max((begun.elapsed(), cases));
            cases += 1;
        }
        let (time, which) = slowest;
        summary.push(format!(
            "{} {cases} (case {which} took {} ms)",
            target.0,
            time.as_millis()
        ));
    }
    say(&format!(
        "seed {}, {:.1} s, cases: {}",
        options.seed,
        started.elapsed().as_secs_f64(),
        summary.join(", ")
    ));
    true
}

/// Cases begun.
static PROGRESS: AtomicU64 = AtomicU64::new(0);

/// Ends the process if a case does not end.
fn watch(progress: &AtomicU64) {
    let mut last = (0, Instant::now());
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = progress.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        } else if last.1.elapsed() > Duration::from_secs(HANG) {
            say(&format!("a case hangs: no end in {HANG} s"));
            std::process::abort();
        }
    }
}

/// Runs a case; says everything about it if it fails.
fn try_case(target: &Target, case: u64, seed: u64) -> bool {
    let data = data_of(case, seed);
    if catch_unwind(|| target.1(&data)).is_ok() {
        return true;
    }
    let len = shortest(target, &data);
    let hex: String = data[..len]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    say(&format!(
        "target {} fails; {len} of its {} bytes do: {hex}",
        target.0,
        data.len()
    ));
    say(&format!(
        "again: cargo run --release -p tong-fuzz -- --target {} --seed {seed} --case {case}",
        target.0
    ));
    false
}

fn data_of(case: u64, seed: u64) -> Vec<u8> {
    let mut random =
        fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(case));
    let len = if random.bool() {
        random.usize(..60)
    } else {
        random.usize(..MOST_LEN)
    };
    let mut data = vec![0; len];
    random.fill(&mut data);
    data
}

/// Length of a short front of `data` that fails too.
fn shortest(target: &Target, data: &[u8]) -> usize {
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |len: usize| catch_unwind(AssertUnwindSafe(|| target.1(&data[..len]))).is_err();
    let (mut good, mut bad) = (0, data.len());
    while good + 1 < bad {
        let middle = good + (bad - good) / 2;
        if fails(middle) {
            bad = middle;
        } else {
            good = middle;
        }
    }
    let _ = std::panic::take_hook();
    bad
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "fuzz: {line}");
}
