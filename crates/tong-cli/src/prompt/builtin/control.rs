//! `exit`, `start`, `fg`, `bg` and `wait`.

use super::{usage, Context};
use crate::exit::{Code, Failure};

/// `exit [CODE]`: without one, with the code of the last command.
pub(super) fn exit(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let code = match arguments {
        [] => context.shell.last_code,
        [code] => code_of(code).ok_or_else(|| {
            usage(
                "exit",
                &format!("{code} is no code; a code is a number of at most 32 bits"),
            )
        })?,
        _ => return Err(usage("exit", "there is one code at most")),
    };
    if !context.shell.may_leave() {
        return Ok(Code::Other.number().into());
    }
    context.shell.exit = Some(code);
    Ok(code)
}

/// Reads a code: decimal, negative, or hexadecimal behind 0x.
fn code_of(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    let number: i64 = text.parse().ok()?;
    let code = u32::try_from(number).ok();
    code.or_else(|| Some(i32::try_from(number).ok()?.cast_unsigned()))
}

/// `start`, where it does not begin a pipeline; there it is taken away before anything runs.
pub(super) fn start(_: &mut Context<'_>, _: &[String]) -> Result<u32, Failure> {
    Err(usage("start", "it has to stand before the whole pipeline"))
}

/// `fg [JOB]`.
pub(super) fn fg(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let number = one_job(context, "fg", arguments)?;
    if let Some(job) = context.shell.jobs().get(number) {
        let text = job.text().to_owned();
        context.print(&format!("{text}\n"))?;
    }
    let code = context.shell.bring_to_front(number);
    code.ok_or_else(|| no_job(number))
}

/// `bg [JOB]`.
pub(super) fn bg(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let number = one_job(context, "bg", arguments)?;
    match context.shell.send_to_back(number) {
        true => Ok(0),
        false => Err(no_job(number)),
    }
}

/// `wait [JOB...]`: without any, for all.
pub(super) fn wait(context: &mut Context<'_>, arguments: &[String]) -> Result<u32, Failure> {
    let mut numbers = Vec::new();
    for argument in arguments {
        let number = number_of("wait", argument)?;
        match context.shell.jobs().get(number) {
            Some(_) => numbers.push(number),
            None => return Err(no_job(number)),
        }
    }
    if arguments.is_empty() {
        numbers = context
            .shell
            .jobs()
            .iter()
            .map(|job| job.number())
            .collect();
    }
    Ok(context.shell.await_jobs(&numbers))
}

/// The job that is meant: that of the argument, or the latest.
fn one_job(context: &Context<'_>, name: &str, arguments: &[String]) -> Result<u32, Failure> {
    match arguments {
        [] => context
            .shell
            .jobs()
            .latest()
            .ok_or_else(|| Failure::Own(Code::NotFound, "there are no jobs".to_owned())),
        [number] => number_of(name, number),
        _ => Err(usage(name, "there is one job at most")),
    }
}

/// A job's number, with or without the % before it that people know from other shells.
fn number_of(name: &str, text: &str) -> Result<u32, Failure> {
    let digits = text.strip_prefix('%').unwrap_or(text);
    let number = digits.parse().ok();
    number.ok_or_else(|| usage(name, &format!("{text} is no number of a job")))
}

fn no_job(number: u32) -> Failure {
    let why = format!("there is no job {number}; jobs lists those there are");
    Failure::Own(Code::NotFound, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-71.
    #[test]
    fn a_code_has_32_bits_however_it_is_written() {
        for (text, code) in [
            ("0", Some(0)),
            ("4294967295", Some(u32::MAX)),
            ("-1", Some(u32::MAX)),
            ("0xDEADBEEF", Some(0xDEAD_BEEF)),
            ("4294967296", None),
            ("-2147483649", None),
            ("0x", None),
            ("many", None),
        ] {
            assert_eq!(code_of(text), code, "{text}");
        }
    }
}
