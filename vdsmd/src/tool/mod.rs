//! `vdsm-tool`: one question to the running daemon over its control socket, and its answer for people or as JSON.
//!
//! A command becomes a request, which knows its method, its arguments and the type of its answer. An answer is read into a type of
//! its own before anything is shown, so the text and the JSON come from the same facts. The daemon decides; nothing is decided here.

mod answer;
mod arguments;
mod failure;
mod layout;
mod reply;
mod request;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use vdsm_core::root::Root;
use vdsm_core::tree::Tree;
use vdsm_xmlrpc::Client;

use answer::Shown;
use arguments::Arguments;
use failure::Failure;
use request::Request;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// 0: it is done, or it is good.
    Good,
    /// 1: refused, failed, or no action of ours.
    Refused,
    /// 2: a mistake in the command line.
    Usage,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
        }
    }
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let exit = match Arguments::try_parse() {
        Ok(arguments) => carry_out(&arguments),
        Err(error) => {
            // If the terminal is gone there is nobody to tell.
            let _ = error.print();
            arguments::exit_of(error.kind())
        }
    };
    ExitCode::from(exit.code())
}

fn carry_out(arguments: &Arguments) -> Exit {
    match run(arguments) {
        Ok(Shown { text, exit }) => {
            write_to(std::io::stdout().lock(), &text);
            exit
        }
        Err(failure) => {
            write_to(std::io::stderr().lock(), &layout::without_controls(&format!("vdsm-tool: {failure}\n")));
            Exit::Refused
        }
    }
}

fn run(arguments: &Arguments) -> Result<Shown, Failure> {
    let request = Request::of(&arguments.command)?;
    let root = Root::at(&arguments.root).map_err(|cause| Failure::Root { path: arguments.root.clone(), cause })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Start)?;
    let reply = runtime.block_on(ask(&root.control_socket(), &request)).map_err(|error| Failure::of_call(error, &request, &root))?;
    Ok((request.show)(reply::value_of(&reply)?, arguments.style())?)
}

async fn ask(socket: &Path, request: &Request) -> Result<Tree, vdsm_xmlrpc::CallError> {
    Client::unix(socket).call(request.method, &request.arguments).await
}

/// The one place that writes. A reader that has gone away (`| head`) is no error.
fn write_to(mut out: impl std::io::Write, text: &str) {
    let _ = out.write_all(text.as_bytes());
}
