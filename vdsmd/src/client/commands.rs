//! The commands: VDSM's names and arguments, each as data and one function from arguments to a plan.

use vdsm_core::tree::{Tree, TreeBuilder};

use super::json;
use super::list::{View, split_vms};
use super::show::Show;
use super::spec::{self, Spec, SpecError};

/// One call of a plan.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) method: String,
    /// One array of positional arguments.
    pub(super) arguments: Tree,
}

/// What a command does: calls in turn until one fails, then something to show.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) calls: Vec<Call>,
    pub(super) show: Show,
}

/// Why arguments are no plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    #[error("wrong number of arguments")]
    Count,
    #[error("`{text}` is no {what}")]
    Value { text: String, what: &'static str },
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error("cannot read {path}: {source}")]
    File { path: String, source: std::io::Error },
}

/// A command.
pub(super) struct Command {
    pub(super) name: &'static str,
    usage: &'static str,
    about: &'static str,
    /// From the arguments to a plan. `create` reads its file here; nothing else is touched.
    pub(super) plan: fn(&[String]) -> Result<Plan, UsageError>,
}

impl Command {
    /// What `--help` and a mistake print.
    pub(super) fn help(&self) -> String {
        let about = self.about.replace('\n', "\n  ");
        format!("Usage: vdsClient [options] <server[:port]> {} {}\n  {about}\n", self.name, self.usage)
    }
}

const COMMANDS: &[Command] = &[
    Command { name: "ping", usage: "", about: "Asks whether the host answers.", plan: |a| plain(a, "ping") },
    Command {
        name: "create",
        usage: "configFile [param=value ...]",
        about: "Creates and starts a VM. The file (/dev/null for none) has one param=value a line, # starts a comment;\n\
                arguments win over it. devices={k:v,k:{k:v}} and drive=k:v,k:v add one item each time;\n\
                cpuPinning={vcpu:cpus}; custom_X=value sets the custom property X; sysprepInf=FILE sends the file.\n\
                vmId, memSize and display must be there.",
        plan: create,
    },
    Command { name: "destroy", usage: "vmId", about: "Ends a VM at once and forgets it.", plan: |a| of_vm(a, "destroy", Show::Message) },
    Command { name: "pause", usage: "vmId", about: "Stops the VM's processors.", plan: |a| of_vm(a, "pause", Show::Reply) },
    Command { name: "continue", usage: "vmId", about: "Lets a paused VM go on.", plan: |a| of_vm(a, "cont", Show::Reply) },
    Command {
        name: "shutdown",
        usage: "vmId timeout message",
        about: "Asks the guest to shut down: after timeout seconds, showing the message to its users.",
        plan: |a| match a {
            [vm, timeout, message] => Ok(one("shutdown", |out| _ = out.text(vm).text(timeout).text(message), Show::Message)),
            _ => Err(UsageError::Count),
        },
    },
    Command {
        name: "list",
        usage: "[long|table|ids] [vms:id,id]",
        about: "Lists VMs: with their whole configuration (long, the default), as a table, or ids only.",
        plan: list,
    },
    Command {
        name: "getVmStats",
        usage: "vmId [key]",
        about: "Statistics of a VM, or one of them.",
        plan: |a| match a {
            [vm] => Ok(one("getVmStats", |out| _ = out.text(vm), Show::Reply)),
            [vm, key] => Ok(one("getVmStats", |out| _ = out.text(vm), Show::Statistic(key.clone()))),
            _ => Err(UsageError::Count),
        },
    },
    Command { name: "getAllVmStats", usage: "", about: "Statistics of all VMs.", plan: |a| plain(a, "getAllVmStats") },
    Command { name: "getVdsCapabilities", usage: "", about: "What the host has and can.", plan: |a| plain(a, "getVdsCapabilities") },
    Command { name: "getVdsCaps", usage: "", about: "The same as getVdsCapabilities.", plan: |a| plain(a, "getVdsCapabilities") },
    Command {
        name: "getVdsHardwareInfo",
        usage: "",
        about: "What the host's firmware says of it.",
        plan: |a| plain(a, "getVdsHardwareInfo"),
    },
    Command { name: "getVdsStats", usage: "", about: "Statistics of the host.", plan: |a| plain(a, "getVdsStats") },
    Command {
        name: "setBalloonTarget",
        usage: "vmId target",
        about: "Sets the memory of a VM through its balloon, in KiB.",
        plan: |a| match a {
            [vm, target] => {
                let target = number(target)?;
                Ok(one("setBalloonTarget", |out| _ = out.text(vm).int(target), Show::Reply))
            }
            _ => Err(UsageError::Count),
        },
    },
    Command {
        name: "connectStorageServer",
        usage: "type spUUID k=v,k=v",
        about: "Connects the host to a storage server. type: 1 NFS, 3 iSCSI, 4 local directory, 6 POSIX, 7 Gluster.\n\
                Keys: id, connection, portal, port, iqn, user, password, ... Exit 1 when the connection failed.",
        plan: |a| storage_server(a, "connectStorageServer"),
    },
    Command {
        name: "disconnectStorageServer",
        usage: "type spUUID k=v,k=v",
        about: "Disconnects the host from a storage server; arguments as for connectStorageServer.",
        plan: |a| storage_server(a, "disconnectStorageServer"),
    },
    Command {
        name: "call",
        usage: "METHOD [argument ...]",
        about: "Calls any method. Each argument is JSON; what is no JSON is taken as a text.",
        plan: |a| match a {
            [method, rest @ ..] => Ok(one(method, |out| rest.iter().for_each(|text| json::build_argument(out, text)), Show::Whole)),
            [] => Err(UsageError::Count),
        },
    },
];

/// The command called `name`.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// All commands, one a line.
pub(super) fn overview() -> String {
    let lines: Vec<String> = COMMANDS.iter().map(|command| format!("  {} {}", command.name, command.usage).trim_end().to_owned()).collect();
    format!("Commands (`vdsClient 0 COMMAND --help` explains one):\n{}", lines.join("\n"))
}

fn one(method: &str, arguments: impl FnOnce(&mut TreeBuilder), show: Show) -> Plan {
    Plan { calls: vec![Call { method: method.to_owned(), arguments: Tree::array(arguments) }], show }
}

fn plain(arguments: &[String], method: &str) -> Result<Plan, UsageError> {
    if arguments.is_empty() { Ok(one(method, |_| {}, Show::Reply)) } else { Err(UsageError::Count) }
}

fn of_vm(arguments: &[String], method: &str, show: Show) -> Result<Plan, UsageError> {
    match arguments {
        [vm] => Ok(one(method, |out| _ = out.text(vm), show)),
        _ => Err(UsageError::Count),
    }
}

fn number(text: &str) -> Result<i32, UsageError> {
    text.parse().map_err(|_| UsageError::Value { text: text.to_owned(), what: "number" })
}

fn read(path: &str) -> Result<String, UsageError> {
    std::fs::read_to_string(path).map_err(|source| UsageError::File { path: path.to_owned(), source })
}

fn create(arguments: &[String]) -> Result<Plan, UsageError> {
    let [path, parameters @ ..] = arguments else { return Err(UsageError::Count) };
    let file = read(path)?;
    let mut lines: Vec<String> = spec::lines(&file).map(str::to_owned).chain(parameters.iter().cloned()).collect();
    for line in &mut lines {
        if let Some(path) = line.strip_prefix("sysprepInf=") {
            *line = format!("sysprepInf={}", read(path)?);
        }
    }
    let arguments = spec::vm(lines.iter().map(String::as_str))?;
    Ok(Plan { calls: vec![Call { method: "create".into(), arguments }], show: Show::Reply })
}

fn list(arguments: &[String]) -> Result<Plan, UsageError> {
    let (view, vms) = match arguments {
        [] => (View::Long, Vec::new()),
        [only] if only.starts_with("vms:") => (View::Long, split_vms(only)?),
        [view] => (view.parse()?, Vec::new()),
        [view, vms] => (view.parse()?, split_vms(vms)?),
        _ => return Err(UsageError::Count),
    };
    let full = view != View::Ids;
    let list = Tree::array(|out| {
        out.boolean(full).open_array();
        vms.iter().for_each(|vm| _ = out.text(vm));
        out.close();
    });
    let list = Call { method: "list".into(), arguments: list };
    // The table shows what only the statistics know.
    let statistics = Call { method: "getAllVmStats".into(), arguments: Tree::array(|_| {}) };
    let calls = if view == View::Table { vec![list, statistics] } else { vec![list] };
    Ok(Plan { calls, show: Show::List(view) })
}

fn storage_server(arguments: &[String], method: &str) -> Result<Plan, UsageError> {
    let [kind, pool, connection] = arguments else { return Err(UsageError::Count) };
    let (kind, connection) = (number(kind)?, Spec::List(vec![Spec::Struct(spec::equals_list(connection)?)]));
    let fill = |out: &mut TreeBuilder| {
        out.int(kind).text(pool);
        connection.build(out);
    };
    Ok(one(method, fill, Show::Connections))
}

#[cfg(test)]
mod tests;
