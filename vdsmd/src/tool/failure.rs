//! Why there is no answer, in words that say what to do.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use vdsm_core::root::Root;
use vdsm_xmlrpc::CallError;

use super::answer::ShowError;
use super::reply::ReplyError;
use super::request::{Request, RequestError};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The root is no folder that can be reached.
    #[error("--root {path}: {cause}", path = .path.display())]
    Root {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// There is nothing to ask.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Nobody listens, or not to us.
    #[error("no daemon answers at {socket}: {cause}\n{advice}", socket = .socket.display())]
    NoDaemon {
        socket: PathBuf,
        #[source]
        cause: io::Error,
        advice: String,
    },
    /// It was asked and there is no reply.
    #[error("{method}: {text}", text = with_causes(cause))]
    Call {
        method: &'static str,
        #[source]
        cause: CallError,
    },
    /// The daemon said no, or nothing usable.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// Its answer cannot be shown.
    #[error(transparent)]
    Show(#[from] ShowError),
    /// We have no runtime.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
}

impl Failure {
    /// What a failed call of the daemon under `root` means to the operator.
    pub(super) fn of_call(error: CallError, request: &Request, root: &Root) -> Failure {
        match error {
            CallError::Connect { source: cause, .. } => {
                let advice = match cause.kind() {
                    io::ErrorKind::PermissionDenied => "Only root and the daemon's own user may ask: run this as one of them.".to_owned(),
                    _ => advice(root),
                };
                Failure::NoDaemon { socket: root.control_socket(), cause, advice }
            }
            cause => Failure::Call { method: request.method, cause },
        }
    }
}

fn advice(root: &Root) -> String {
    if root.is_system() {
        return "Start it with `vdsmd`, or give the folder of the one that runs with `--root DIR`.".to_owned();
    }
    format!("Start it with `vdsmd --root {}`, or give the folder of the one that runs with `--root DIR`.", root.path().display())
}

/// The error and what caused it, in one line.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! What the operator reads when nobody answers. Rung: pure, with a folder of its own.
    use super::super::arguments::Command;
    use super::*;

    async fn asked(root: &Root) -> String {
        let request = Request::of(&Command::Jobs).unwrap();
        let error = super::super::ask(&root.control_socket(), &request).await.unwrap_err();
        Failure::of_call(error, &request, root).to_string()
    }

    #[tokio::test]
    async fn without_a_daemon_the_socket_and_the_remedy_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path()).unwrap();
        let text = asked(&root).await;
        assert!(text.contains(&format!("no daemon answers at {}: No such file", root.control_socket().display())), "{text}");
        assert!(text.contains(&format!("`vdsmd --root {}`", root.path().display())), "{text}");
        assert!(text.contains("`--root DIR`"), "{text}");
    }

    #[test]
    fn who_may_not_ask_is_told_who_may() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path()).unwrap();
        let error = CallError::Connect { address: String::new(), source: io::ErrorKind::PermissionDenied.into() };
        let text = Failure::of_call(error, &Request::of(&Command::Verbs).unwrap(), &root).to_string();
        assert!(text.contains("Only root"), "{text}");
    }

    #[test]
    fn a_call_that_broke_names_its_method_and_cause() {
        let root = Root::at("/".as_ref()).unwrap();
        let error = CallError::Timeout { what: "reply", after: std::time::Duration::from_secs(180) };
        let text = Failure::of_call(error, &Request::of(&Command::Verbs).unwrap(), &root).to_string();
        assert_eq!(text, "verb.list: no reply within 180 s");
    }
}
