//! `vdsClient`: from a command line to calls, and from their replies to what is printed and the exit code.
//!
//! The grammar is VDSM's: `vdsClient [options] <server[:port]> <command> [arguments]`, options first. A command becomes a plan
//! (calls and how to show their replies) without touching anything; this file carries plans out.

mod arguments;
mod commands;
mod json;
mod list;
mod show;
mod spec;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use vdsm_core::tree::Tree;
use vdsm_xmlrpc::{CallError, Client};

use arguments::{Options, Server};
use commands::{Call, Plan, UsageError};
use show::Exit;

/// Exit code of a mistake in the command line or a server that does not answer; VDSM's -1.
const FAILED: u8 = 255;

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return clap_ended(&error),
    };
    match run(&options) {
        Ok((text, exit)) => {
            out(&text);
            ExitCode::from(exit.code())
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

/// clap also ends with help and version, which are no mistakes.
fn clap_ended(error: &clap::Error) -> ExitCode {
    // If the terminal is gone there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Server(#[from] arguments::ServerError),
    #[error("-s: this vdsClient has no TLS yet; on a host with `ssl = false` leave -s out")]
    Tls,
    #[error("Error using command: {0}\n\n{1}")]
    Usage(UsageError, String),
    #[error("no such command: {0}; `vdsClient --help` lists them")]
    Command(String),
    #[error("Connection to {0} refused")]
    Refused(Server),
    #[error("{method}: {text}")]
    Call { method: String, text: String },
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
}

fn run(options: &Options) -> Result<(String, Exit), Error> {
    let (name, arguments) = options.command();
    let command = commands::find(name).ok_or_else(|| Error::Command(name.to_owned()))?;
    if arguments.first().is_some_and(|argument| argument == "-h" || argument == "--help") {
        return Ok((command.help(), Exit::Success));
    }
    if options.tls {
        return Err(Error::Tls);
    }
    let server: Server = options.server.parse()?;
    let plan = (command.plan)(arguments).map_err(|error| Error::Usage(error, command.help()))?;
    let replies = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(call_all(&server, &plan))?;
    Ok(show::show(&plan.show, &replies, options.style()))
}

/// The replies up to the first that is no success.
async fn call_all(server: &Server, plan: &Plan) -> Result<Vec<Tree>, Error> {
    let client = Client::tcp(server.host.clone(), server.port);
    let mut replies = Vec::new();
    for Call { method, arguments } in &plan.calls {
        let reply = client.call(method, arguments).await.map_err(|error| call_failed(server, method, &error))?;
        let success = show::status_code(&reply) == 0;
        replies.push(reply);
        if !success {
            break;
        }
    }
    Ok(replies)
}

fn call_failed(server: &Server, method: &str, error: &CallError) -> Error {
    match error {
        CallError::Connect { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused => Error::Refused(server.clone()),
        other => Error::Call { method: method.to_owned(), text: with_causes(other) },
    }
}

/// The error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The one place that writes results. A reader that has gone away (`| head`) is no error.
fn out(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
