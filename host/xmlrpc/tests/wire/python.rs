//! Agreement with Python's own library, the other end of this wire for as long as VDSM has existed. Rung: mock host.
//!
//! Skipped, and it says so, where there is no `/usr/bin/python3`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use vdsm_core::held::HeldTable;
use vdsm_core::tree::Tree;
use vdsm_tests::Rung;
use vdsm_xmlrpc::{decode_request, encode_reply, encode_request};

use crate::support::start;

const PYTHON: &str = "/usr/bin/python3";

fn absent() -> bool {
    !Rung::MockHost.stands_with(PYTHON)
}

/// What `script` prints for `input`.
fn python(script: &str, input: &[u8], argument: &str) -> Vec<u8> {
    let mut child =
        Command::new(PYTHON).args(["-I", "-S", "-c", script, argument]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn everything() -> Tree {
    Tree::array(|out| {
        out.open_object().int_at("int", -2_147_483_648).boolean_at("boolean", true).text_at("text", "ž 中 <&>\"' \t\n");
        out.key("empty").text("");
        out.key("doubles").open_array();
        for value in [0.0, 0.1, 1e16, 1e-5, 123_456_789.125, -2.5e-7, 1.797_693_134_862_315_7e308, 5e-324] {
            out.double(value);
        }
        out.close();
        out.key("bytes").bytes(&(0..=255).collect::<Vec<u8>>());
        out.key("time").time("20131124T08:00:00");
        out.array_at("none", |_| {}).object_at("nothing", |_| {});
        out.close();
    })
}

#[test]
fn what_python_reads_and_writes_again_is_byte_for_byte_ours() {
    if absent() {
        return;
    }
    let request = encode_request("create", &everything()).unwrap();
    let again = "import sys, xmlrpc.client as x\n\
                 arguments, method = x.loads(sys.stdin.buffer.read())\n\
                 sys.stdout.buffer.write(x.dumps(arguments, method).encode())";
    assert_eq!(String::from_utf8(python(again, &request, "")).unwrap(), String::from_utf8(request).unwrap());
    let reply = Vec::from(encode_reply(&everything(), &HeldTable::new()).unwrap());
    let again = "import sys, xmlrpc.client as x\n\
                 value, _ = x.loads(sys.stdin.buffer.read())\n\
                 sys.stdout.buffer.write(x.dumps(value, methodresponse=True).encode())";
    assert_eq!(String::from_utf8(python(again, &reply, "")).unwrap(), String::from_utf8(reply).unwrap());
}

#[test]
fn what_python_writes_is_read_with_its_types() {
    if absent() {
        return;
    }
    let script = "import sys, datetime, xmlrpc.client as x\n\
                  value = {'int': -2147483648, 'boolean': True, 'text': 'ž 中 <&>\"\\' \\t\\n', 'empty': '',\n\
                  'doubles': [0.0, 0.1, 1e16, 1e-5, 123456789.125, -2.5e-7, 1.7976931348623157e308, 5e-324],\n\
                  'bytes': bytes(range(256)), 'time': datetime.datetime(2013, 11, 24, 8), 'none': [], 'nothing': {}}\n\
                  sys.stdout.buffer.write(x.dumps((value,), 'create').encode())";
    let request = decode_request(&python(script, b"", ""), |_| Arc::from([])).unwrap();
    assert_eq!((request.method.as_str(), request.arguments), ("create", everything()));
    let script = "import sys, xmlrpc.client as x\n\
                  sys.stdout.buffer.write(x.dumps((None,), 'm', allow_none=True).encode())";
    let request = decode_request(&python(script, b"", ""), |_| Arc::from([])).unwrap();
    assert_eq!(request.arguments, Tree::array(|out| _ = out.nil()));
}

#[tokio::test]
async fn a_python_client_calls_and_sees_types_faults_and_a_kept_connection() {
    if absent() {
        return;
    }
    let server = start(vdsm_xmlrpc::Limits::default()).await;
    let script = "import sys, xmlrpc.client as x\n\
                  server = x.ServerProxy('http://127.0.0.1:' + sys.argv[1])\n\
                  sent = [1, True, 'ž', 0.1, {'a': []}]\n\
                  for _ in range(3): assert server.echo(*sent) == sent, server.echo(*sent)\n\
                  try: server.unheard()\n\
                  except x.Fault as fault: assert fault.faultCode == 1 and 'not supported' in fault.faultString, fault\n\
                  else: raise SystemExit(1)\n\
                  try: x.ServerProxy('http://127.0.0.1:' + sys.argv[1] + '/elsewhere').ping()\n\
                  except x.ProtocolError as error: assert error.errcode == 404\n\
                  else: raise SystemExit(1)";
    let port = server.port.to_string();
    tokio::task::spawn_blocking(move || python(script, b"", &port)).await.unwrap();
}
