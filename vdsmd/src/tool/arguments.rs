//! The command line.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::Exit;
use super::answer::Style;

/// Asks the running daemon of its modules, hooks, verbs and jobs, and changes its modules.
#[derive(Debug, Parser)]
#[command(name = "vdsm-tool", version)]
pub(super) struct Arguments {
    /// The folder the daemon runs under, as in `vdsmd --root DIR`
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Arguments {
    /// How to show the answer.
    pub(super) fn style(&self) -> Style {
        if self.json { Style::Json } else { Style::Text }
    }
}

/// What is asked.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The components that serve verbs, hooks and policies
    #[command(subcommand)]
    Module(ModuleCommand),
    /// What hooks did
    #[command(subcommand)]
    Hook(HookCommand),
    /// Every verb of VDSM and who serves it
    Verbs,
    /// What jobs hold and leave: leases, the background list, written jobs, and what machines keep
    Jobs,
}

/// What is asked of modules.
#[derive(Debug, Subcommand)]
pub(super) enum ModuleCommand {
    /// All modules: kind, version and what they serve; then those that are refused, with the reason
    List,
    /// One module: its version, grants, limits and earlier versions
    Show {
        /// The module
        name: String,
    },
    /// Hold a component against a manifest without running it: what it imports, what it is granted, what is missing
    Check {
        /// The component
        #[arg(value_name = "FILE.wasm")]
        component: PathBuf,
        /// The manifest
        #[arg(long, value_name = "FILE.toml")]
        manifest: PathBuf,
    },
    /// Make a component the active version of a module; calls that run end on the one they began with
    Swap {
        /// The module; its manifest stands in modules.d
        name: String,
        /// The component
        #[arg(value_name = "FILE.wasm")]
        component: PathBuf,
    },
    /// Go back to the version that was active before
    Rollback {
        /// The module
        name: String,
    },
    /// Give the choice back to the package: its file is active again and its upgrades are followed
    Unpin {
        /// The module
        name: String,
    },
}

/// What is asked of hooks.
#[derive(Debug, Subcommand)]
pub(super) enum HookCommand {
    /// The newest chain of each point of a machine: what each hook changed, how long it took, why it failed
    Show {
        /// Every chain the daemon remembers of it, those of earlier lives too
        #[arg(long)]
        all: bool,
        /// The machine
        #[arg(value_name = "VM_ID")]
        vm: String,
    },
}

/// How the process ends when clap does not let it begin. An unknown action and none end with 1, as VDSM's tool does.
pub(super) fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Good,
        ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Exit::Refused,
        _ => Exit::Usage,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! The command lines of the documentation, and how mistakes end. Rung: pure.
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    fn exit(line: &str) -> Exit {
        exit_of(parse(line).unwrap_err().kind())
    }

    #[test]
    fn the_root_may_stand_before_and_after_the_action() {
        for line in
            ["vdsm-tool --root /srv/try module list", "vdsm-tool module list --root /srv/try", "vdsm-tool module --root /srv/try list"]
        {
            assert_eq!(parse(line).unwrap().root, PathBuf::from("/srv/try"), "{line}");
        }
        assert_eq!(parse("vdsm-tool verbs").unwrap().root, PathBuf::from("/"));
        assert_eq!(parse("vdsm-tool jobs --json").unwrap().style(), Style::Json);
        assert_eq!(parse("vdsm-tool jobs").unwrap().style(), Style::Text);
    }

    #[test]
    fn every_question_has_its_spelling() {
        let questions = [
            "module list",
            "module show owner",
            "module check owner-1.wasm --manifest owner.toml",
            "module swap owner owner-1.wasm",
            "module rollback owner",
            "module unpin owner",
            "hook show 6f8e9d4c-5b1a-4c0e-9f2d-3a7b8c9d0e1f",
            "hook show --all 6f8e9d4c-5b1a-4c0e-9f2d-3a7b8c9d0e1f",
            "verbs",
            "jobs",
        ];
        for question in questions {
            assert!(parse(&format!("vdsm-tool --root /srv/try {question} --json")).is_ok(), "{question}");
        }
    }

    #[test]
    fn the_manifest_follows_the_component_or_precedes_it() {
        for line in ["vdsm-tool module check a.wasm --manifest a.toml", "vdsm-tool module check --manifest a.toml a.wasm"] {
            let Command::Module(ModuleCommand::Check { component, manifest }) = parse(line).unwrap().command else {
                unreachable!("{line}")
            };
            assert_eq!((component, manifest), (PathBuf::from("a.wasm"), PathBuf::from("a.toml")));
        }
    }

    #[test]
    fn no_action_of_ours_ends_with_1_and_a_mistake_with_2() {
        for line in ["vdsm-tool", "vdsm-tool --root /", "vdsm-tool service-restart vdsmd", "vdsm-tool module", "vdsm-tool hook tell"] {
            assert_eq!(exit(line), Exit::Refused, "{line}");
        }
        for line in ["vdsm-tool module show", "vdsm-tool module check a.wasm", "vdsm-tool jobs --all", "vdsm-tool verbs ping"] {
            assert_eq!(exit(line), Exit::Usage, "{line}");
        }
        assert_eq!(exit("vdsm-tool --help"), Exit::Good);
        assert_eq!(exit("vdsm-tool --version"), Exit::Good);
        assert_eq!([Exit::Good, Exit::Refused, Exit::Usage].map(Exit::code), [0, 1, 2]);
    }
}
