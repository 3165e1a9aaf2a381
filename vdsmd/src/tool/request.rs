//! From a command to a call of the control socket. The only files read here are components; a manifest is read by the daemon, so its
//! path must mean the same there.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use vdsm_core::tree::{Tree, Value};
use vdsm_xmlrpc::MAX_BODY;

use super::answer::{ActiveVersion, Chain, Check, Jobs, ModuleDetails, ModuleList, NewestChains, ShowError, Shown, Style, VerbList, show};
use super::arguments::{Command, HookCommand, ModuleCommand};

/// Largest component, in bytes: it fits into one call as base64, whose lines of 77 bytes, their end included, carry 57; the rest of
/// the call has 64 KiB.
const MAX_COMPONENT: u64 = MAX_BODY as u64 / 77 * 57 - (64 << 10);

/// A call, and how its answer is shown.
pub(super) struct Request {
    /// The method of the control socket.
    pub(super) method: &'static str,
    /// Its arguments, an array.
    pub(super) arguments: Tree,
    /// Reads and shows the value of its reply.
    pub(super) show: fn(Value<'_>, Style) -> Result<Shown, ShowError>,
}

/// Why there is nothing to ask.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// A file cannot be read, or its place cannot be told.
    #[error("{path}: {cause}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// More than one call can carry.
    #[error("{path}: larger than {MAX_COMPONENT} bytes, which is what the control socket takes", path = .0.display())]
    TooLarge(PathBuf),
    /// It cannot be sent as text.
    #[error("{path}: only paths in UTF-8 can be sent", path = .0.display())]
    NoText(PathBuf),
}

impl Request {
    /// What `command` asks.
    pub(super) fn of(command: &Command) -> Result<Request, RequestError> {
        Ok(match command {
            Command::Module(ModuleCommand::List) => Request::new("module.list", Tree::array(|_| ()), show::<ModuleList>),
            Command::Module(ModuleCommand::Show { name }) => Request::new("module.show", named(name), show::<ModuleDetails>),
            Command::Module(ModuleCommand::Check { component, manifest }) => {
                Request::new("module.check", with_component(&absolute(manifest)?, &read(component)?), show::<Check>)
            }
            Command::Module(ModuleCommand::Swap { name, component }) => {
                Request::new("module.swap", with_component(name, &read(component)?), show::<ActiveVersion>)
            }
            Command::Module(ModuleCommand::Rollback { name }) => Request::new("module.rollback", named(name), show::<ActiveVersion>),
            Command::Module(ModuleCommand::Unpin { name }) => Request::new("module.unpin", named(name), show::<ActiveVersion>),
            Command::Hook(HookCommand::Show { vm, all: true }) => Request::new("hook.show", named(vm), show::<Vec<Chain>>),
            Command::Hook(HookCommand::Show { vm, all: false }) => Request::new("hook.show", named(vm), show::<NewestChains>),
            Command::Verbs => Request::new("verb.list", Tree::array(|_| ()), show::<VerbList>),
            Command::Jobs => Request::new("job.list", Tree::array(|_| ()), show::<Jobs>),
        })
    }

    fn new(method: &'static str, arguments: Tree, show: fn(Value<'_>, Style) -> Result<Shown, ShowError>) -> Request {
        Request { method, arguments, show }
    }
}

fn named(name: &str) -> Tree {
    Tree::array(|builder| _ = builder.text(name))
}

fn with_component(name: &str, component: &[u8]) -> Tree {
    Tree::array(|builder| _ = builder.text(name).bytes(component))
}

/// The path as the daemon, which stands elsewhere, finds it.
fn absolute(path: &Path) -> Result<String, RequestError> {
    let absolute = std::path::absolute(path).map_err(|cause| RequestError::File { path: path.to_owned(), cause })?;
    absolute.into_os_string().into_string().map_err(|path| RequestError::NoText(path.into()))
}

fn read(path: &Path) -> Result<Vec<u8>, RequestError> {
    let file_error = |cause| RequestError::File { path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    let taken = File::open(path).map_err(file_error)?.take(MAX_COMPONENT + 1).read_to_end(&mut bytes).map_err(file_error)?;
    if taken as u64 > MAX_COMPONENT { Err(RequestError::TooLarge(path.to_owned())) } else { Ok(bytes) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! What is sent for a command. Rung: pure, with files in a folder of its own.
    use super::*;

    fn folder_with(component: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("owner.wasm");
        std::fs::write(&path, component).unwrap();
        (folder, path)
    }

    #[test]
    fn a_check_sends_the_manifests_full_path_and_the_component() {
        let (_folder, component) = folder_with(b"\0asm");
        let command = Command::Module(ModuleCommand::Check { component, manifest: "owner.toml".into() });
        let request = Request::of(&command).unwrap();
        assert_eq!(request.method, "module.check");
        let arguments = request.arguments.root();
        let sent = PathBuf::from(arguments.item(0).unwrap().as_text().unwrap());
        assert_eq!(sent, std::env::current_dir().unwrap().join("owner.toml"));
        assert_eq!(arguments.item(1).unwrap().as_bytes(), Some(&b"\0asm"[..]));
    }

    #[test]
    fn a_swap_sends_the_name_and_the_component() {
        let (_folder, component) = folder_with(b"\0asm");
        let request = Request::of(&Command::Module(ModuleCommand::Swap { name: "owner".into(), component })).unwrap();
        assert_eq!(request.method, "module.swap");
        assert_eq!(request.arguments, Tree::array(|builder| _ = builder.text("owner").bytes(b"\0asm")));
    }

    #[test]
    fn a_component_that_cannot_be_had_is_named() {
        let (folder, _) = folder_with(b"");
        let component = folder.path().join("none.wasm");
        let error =
            Request::of(&Command::Module(ModuleCommand::Swap { name: "owner".into(), component: component.clone() })).err().unwrap();
        assert!(error.to_string().starts_with(&format!("{}: No such file", component.display())), "{error}");
    }

    #[test]
    fn the_largest_component_fits_into_a_call_and_a_larger_one_is_not_sent() {
        let (_folder, component) = folder_with(b"");
        File::options().write(true).open(&component).unwrap().set_len(MAX_COMPONENT).unwrap();
        let command = Command::Module(ModuleCommand::Swap { name: "owner".into(), component: component.clone() });
        let request = Request::of(&command).unwrap();
        assert!(vdsm_xmlrpc::encode_request(request.method, &request.arguments).unwrap().len() <= MAX_BODY);
        File::options().write(true).open(&component).unwrap().set_len(MAX_COMPONENT + 1).unwrap();
        assert!(matches!(Request::of(&command), Err(RequestError::TooLarge(path)) if path == component));
    }
}
