//! A page of the documentation, walked as a reader walks it: its shell blocks are typed into one shell, in their order.
//!
//! The page says which lines are the reader's to change (where the root is, where the daemon listens); they are all that is changed.
//! What a walk compiles is kept between runs: dependencies where `make guests` left them (`guests/target`), and the root has the same
//! name each time (`target/walks/PAGE/root`), because cargo knows the SDK by its path.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use vdsm_tests::host::install;
use vdsm_tests::process::text_of;
use vdsm_tests::{Daemon, Host, source};

/// Ends what a block printed.
const END: &str = "--- typed ---";

/// The blocks of a page that are marked as `language`.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = source::tree().join(format!("docs/{page}.md"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let fence = format!("\n```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap_or_else(|| panic!("{page}: a block without end")).0.to_owned() + "\n")
        .collect()
}

/// An empty folder that has the same name in each run.
pub(crate) fn empty_folder(name: &str) -> PathBuf {
    let folder = source::tree().join("target/walks").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A shell that ends at the first command that fails, able to build components.
pub(crate) struct Shell {
    bash: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    /// A shell in `folder`.
    pub(crate) fn new(folder: &Path) -> Shell {
        let tree = source::tree();
        text_of(Command::new(tree.join("packaging/build/wasm-std.sh")).arg(tree.join("target/wasm-std")));
        let mut command = Command::new("bash");
        command.args(["-eu", "-o", "pipefail", "-s"]).current_dir(folder);
        // The page means its own `target`.
        command.env_remove("CARGO_TARGET_DIR").env("CARGO_TERM_COLOR", "never");
        let mut bash = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (bash.stdin.take().unwrap(), BufReader::new(bash.stdout.take().unwrap()));
        let mut shell = Shell { bash, input, output };
        shell.types(&format!("exec 2>&1\n. '{}'\n", tree.join("target/wasm-std/env").display()));
        shell
    }

    /// What `block` prints; panics with it when a command of it fails.
    pub(crate) fn types(&mut self, block: &str) -> String {
        // Commands must not read what is typed after them.
        let typed = format!("{{\n{block}\n}} < /dev/null\nprintf '\\n%s\\n' '{END}'\n");
        let sent = self.input.write_all(typed.as_bytes()).and_then(|()| self.input.flush());
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(sent.is_ok() && read > 0, "the shell ended ({:?}) in:\n{block}\nit printed:\n{printed}", self.bash.wait());
            if line.trim_end() == END {
                return printed;
            }
            printed.push_str(&line);
        }
    }

    /// What is built in this folder goes where `make guests` built.
    pub(crate) fn shares_target(&mut self) {
        let target = source::tree().join("guests/target");
        std::fs::create_dir_all(&target).unwrap();
        self.types(&format!("ln -s '{}' target", target.display()));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}

/// A reader on their way through a page.
pub(crate) struct Walk {
    pub(crate) shell: Shell,
    blocks: VecDeque<String>,
}

impl Walk {
    /// A reader of `page` in an empty folder, beside a daemon that runs on `host`. The first block is the reader's own; the page's
    /// crate begins in the third.
    pub(crate) fn begin(page: &str, host: &Host, daemon: &Daemon) -> Walk {
        install(host.path(), &["programs", "sdk"]);
        let folder = empty_folder(page);
        let (root, start) = (folder.join("root"), folder.join("start"));
        std::os::unix::fs::symlink(host.path(), &root).unwrap();
        std::fs::create_dir(&start).unwrap();
        let mut walk = Walk { shell: Shell::new(&start), blocks: blocks(page, "sh").into() };
        let own = walk.blocks.pop_front().unwrap();
        let names: Vec<&str> = own.lines().filter_map(|line| line.split('=').next()).collect();
        assert_eq!(names, ["export ROOT", "export ADDRESS"], "{page}: the lines to change are others");
        walk.shell.types(&format!("export ROOT='{}'\nexport ADDRESS={}\n", root.display(), daemon.address()));
        walk.types_until("Cargo.toml");
        walk.shell.shares_target();
        walk
    }

    /// Types blocks up to the first that contains `last`; what that one printed.
    pub(crate) fn types_until(&mut self, last: &str) -> String {
        loop {
            let block = self.blocks.pop_front().unwrap_or_else(|| panic!("no block contains `{last}`"));
            let printed = self.shell.types(&block);
            if block.contains(last) {
                return printed;
            }
        }
    }

    /// The reader has come to the end of the page.
    pub(crate) fn ends(self) {
        assert!(self.blocks.is_empty(), "left over: {:?}", self.blocks);
    }
}
