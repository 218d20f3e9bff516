//! The `tong` command: what the library can do, at the prompt and in scripts.
//!
//! The library works, the command only joins: `args.rs` defines every flag once (help, completions and man pages
//! follow from it), each `cmd/<verb>.rs` does one thing, `exit.rs` turns what went wrong into a documented exit
//! code, `output.rs` and `text.rs` put results on standard output. Results go to standard output, everything else to
//! standard error. A reader of our output that goes away (`| head`) ends the command quietly.

#![forbid(unsafe_code)]

mod args;
mod cmd;
mod exit;
mod output;
mod prompt;
mod relay;
mod signals;
mod text;
mod time;

use args::{Args, Command, GlobalCommand, MailslotCommand};
use clap::Parser;
use exit::{Code, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Args::try_parse() {
        Ok(args) => run(args.command),
        Err(answer) => return answer_without_running(&answer),
    };
    match outcome {
        Ok(()) | Err(Failure::ReaderGone) => Code::Done.into(),
        Err(failure) => {
            failure.report();
            failure.number().into()
        }
    }
}

/// Does what the command line asks for.
fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Mailslot(MailslotCommand::Read(args)) => cmd::read::run(&args),
        Command::Mailslot(MailslotCommand::Write(args)) => cmd::write::run(&args),
        Command::Mailslot(MailslotCommand::Info(args)) => cmd::info::run(&args),
        Command::Pipe(command) => cmd::pipe::run(&command),
        Command::Relay(args) => cmd::relay::run(&args),
        Command::Event(command) => cmd::event::run(&command),
        Command::Mutex(command) => cmd::mutex::run(&command),
        Command::Semaphore(command) => cmd::semaphore::run(&command),
        Command::Timer(command) => cmd::timer::run(&command),
        Command::Wait(args) => cmd::wait::run(&args),
        Command::Run(args) => cmd::run::run(&args),
        Command::Prompt(args) => cmd::prompt::run(&args),
        Command::PromptKeeper => cmd::prompt::run_keeper(),
        Command::PromptBuiltin(args) => cmd::prompt::run_builtin(&args),
        Command::Lp(args) => cmd::lp::run(&args),
        Command::Kp(args) => cmd::kp::run(&args),
        Command::Top(args) => cmd::top::run(&args),
        Command::Graph(args) => cmd::graph::run(&args),
        Command::Doctor(args) => cmd::doctor::run(&args),
        Command::Handles(args) => cmd::handles::run(&args),
        Command::Ls(args) => cmd::ls::run(&args),
        Command::Gc(args) => cmd::gc::run(&args),
        Command::Global(GlobalCommand::Init) => cmd::global::init(),
        Command::Completions(args) => cmd::completions::run(&args),
        Command::Man(args) => cmd::man::run(&args),
        Command::Tour(args) => cmd::tour::run(&args),
        Command::TourActor(args) => cmd::tour::actor::run(&args),
    }
}

/// Prints help or the version, or says what is wrong with the command line.
fn answer_without_running(answer: &clap::Error) -> ExitCode {
    let text = answer.render().ansi().to_string();
    if answer.use_stderr() {
        anstream::eprint!("{}", text.replacen("error:", "tong:", 1));
        return Code::Usage.into();
    }
    match output::print(&text) {
        Ok(()) | Err(Failure::ReaderGone) => Code::Done.into(),
        Err(failure) => {
            failure.report();
            failure.number().into()
        }
    }
}
