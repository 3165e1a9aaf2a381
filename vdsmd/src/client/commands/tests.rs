//! From arguments to calls. Rung: pure (create also reads a file).
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::Write as _;

use super::*;

fn plan(name: &str, arguments: &[&str]) -> Result<Plan, UsageError> {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    (find(name).unwrap().plan)(&arguments)
}

#[test]
fn verbs_are_called_with_vdsms_argument_order_and_types() {
    for (name, arguments, method, expected) in [
        ("ping", &[][..], "ping", "[]"),
        ("destroy", &["vm"], "destroy", r#"["vm"]"#),
        ("pause", &["vm"], "pause", r#"["vm"]"#),
        ("continue", &["vm"], "cont", r#"["vm"]"#),
        ("shutdown", &["vm", "30", "bye"], "shutdown", r#"["vm","30","bye"]"#),
        ("list", &[], "list", "[true,[]]"),
        ("list", &["ids"], "list", "[false,[]]"),
        ("list", &["vms:a,b"], "list", r#"[true,["a","b"]]"#),
        ("list", &["long", "vms: a"], "list", r#"[true,["a"]]"#),
        ("getVmStats", &["vm"], "getVmStats", r#"["vm"]"#),
        ("getAllVmStats", &[], "getAllVmStats", "[]"),
        ("getVdsCaps", &[], "getVdsCapabilities", "[]"),
        ("getVdsHardwareInfo", &[], "getVdsHardwareInfo", "[]"),
        ("getVdsStats", &[], "getVdsStats", "[]"),
        ("setBalloonTarget", &["vm", "1024"], "setBalloonTarget", r#"["vm",1024]"#),
        ("connectStorageServer", &["4", "sp", "id=c,connection=/d"], "connectStorageServer", r#"[4,"sp",[{"connection":"/d","id":"c"}]]"#),
        ("call", &["getVolumeInfo", "sd", "{\"a\":[1]}", "true"], "getVolumeInfo", r#"["sd",{"a":[1]},true]"#),
    ] {
        let plan = plan(name, arguments).unwrap();
        let [call] = plan.calls.as_slice() else { unreachable!("{name}") };
        assert_eq!((call.method.as_str(), json::of(call.arguments.root()).to_string().as_str()), (method, expected), "{name}");
    }
}

#[test]
fn the_table_needs_statistics_too() {
    let methods: Vec<String> = plan("list", &["table"]).unwrap().calls.into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["list", "getAllVmStats"]);
}

#[test]
fn mistakes_are_told() {
    for (name, arguments, told) in [
        ("ping", &["x"][..], "wrong number of arguments"),
        ("destroy", &[], "wrong number of arguments"),
        ("shutdown", &["vm"], "wrong number of arguments"),
        ("list", &["wide"], "`wide` is no view (long, table or ids)"),
        ("list", &["ids", "vms:"], "`vms:` is no list of VMs (vms:id,id)"),
        ("setBalloonTarget", &["vm", "much"], "`much` is no number"),
        ("connectStorageServer", &["4", "sp", "/d"], "`/d`: expected key:value"),
        ("create", &[], "wrong number of arguments"),
        ("create", &["/nonexistent"], "cannot read /nonexistent: No such file or directory (os error 2)"),
        ("create", &["/dev/null", "devices={a"], "`a`: expected key:value"),
    ] {
        assert_eq!(plan(name, arguments).unwrap_err().to_string(), told);
    }
}

#[test]
fn create_sends_one_struct_from_file_and_arguments() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"vmId=1\nmemSize=256 # MiB\n").unwrap();
    let plan = plan("create", &[file.path().to_str().unwrap(), "memSize=512", "display=vnc"]).unwrap();
    assert_eq!(json::of(plan.calls[0].arguments.root()).to_string(), r#"[{"display":"vnc","memSize":"512","vmId":"1"}]"#);
}

#[test]
fn each_command_explains_itself_once() {
    let mut names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), COMMANDS.len());
    assert!(find("create").unwrap().help().starts_with("Usage: vdsClient [options] <server[:port]> create configFile [param=value ...]\n"));
    assert!(overview().contains("\n  list [long|table|ids] [vms:id,id]"));
}
