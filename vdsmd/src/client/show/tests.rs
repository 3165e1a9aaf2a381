//! What replies look like on a terminal and which exit code they become. Rung: pure.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use vdsm_core::tree::TreeBuilder;

use super::*;

fn reply(code: i32, message: &str, fill: impl FnOnce(&mut TreeBuilder)) -> Tree {
    Tree::object(|out| {
        out.object_at("status", |out| _ = out.int_at("code", code).text_at("message", message));
        fill(out);
    })
}

fn shown(what: Show, reply: Tree, style: Style) -> (String, Exit) {
    show(&what, &[reply], style)
}

#[test]
fn info_is_sorted_in_pythons_notation() {
    let fill = |out: &mut TreeBuilder| {
        out.object_at("info", |out| {
            out.text_at("name", "it's").int_at("cores", 4).boolean_at("ksm", true).key("load").double(0.5);
            out.array_at("list", |out| _ = out.text("a").text("b\n"));
        });
    };
    let (text, exit) = shown(Show::Reply, reply(0, "Done", fill), Style::Pretty);
    assert_eq!(text, "\tcores = 4\n\tksm = True\n\tlist = ['a', 'b\\n']\n\tload = 0.5\n\tname = \"it's\"\n");
    assert_eq!(exit.code(), 0);
    assert!(shown(Show::Reply, reply(0, "Done", fill), Style::OneLine).0.contains("\tname = it's\n"));
}

#[test]
fn long_values_take_several_lines_or_one_when_asked() {
    let fill = |out: &mut TreeBuilder| {
        out.object_at("info", |out| {
            out.object_at("nics", |out| {
                for name in ["eth0", "eth1"] {
                    out.object_at(name, |out| _ = out.text_at("hwaddr", "52:54:00:00:00:01").text_at("addr", "192.168.122.100"));
                }
            });
        });
    };
    let (text, _) = shown(Show::Reply, reply(0, "Done", fill), Style::Pretty);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "\tnics = {'eth0': {'addr': '192.168.122.100', 'hwaddr': '52:54:00:00:00:01'},");
    assert_eq!(lines[1], "\t        'eth1': {'addr': '192.168.122.100', 'hwaddr': '52:54:00:00:00:01'}}");
    assert_eq!(shown(Show::Reply, reply(0, "Done", fill), Style::OneLine).0.lines().count(), 1);
}

#[test]
fn vms_and_statistics_come_as_blocks() {
    let vm = |out: &mut TreeBuilder| {
        _ = out.text_at("vmId", "1").text_at("status", "Up").text_at("pid", "7").key("custom").open_object().close()
    };
    let one = reply(0, "Done", |out| _ = out.object_at("vmList", vm));
    assert_eq!(shown(Show::Reply, one, Style::Pretty).0, "\n1\n\tStatus = Up\n\tcustom = {}\n\tpid = 7\n");
    let several = reply(0, "Done", |out| {
        out.key("statsList").open_array().open_object();
        vm(out);
        out.close().close();
    });
    assert_eq!(shown(Show::Reply, several.clone(), Style::Pretty).0, "\n1\n\tStatus = Up\n\tcustom = {}\n\tpid = 7\n");
    assert_eq!(shown(Show::Statistic("pid".into()), several.clone(), Style::Pretty).0, "7\n");
    assert_eq!(shown(Show::Statistic("x".into()), several, Style::Pretty).0, "no statistic x\n");
}

#[test]
fn the_table_has_vdsms_columns() {
    let list = reply(0, "Done", |out| {
        out.array_at("vmList", |out| {
            for (id, status) in [("11111111-1111-1111-1111-111111111111", "Up"), ("2", "Down")] {
                out.open_object().text_at("vmId", id).text_at("status", status).text_at("vmName", "vm").text_at("pid", "42").close();
            }
        });
    });
    let statistics = reply(0, "Done", |out| {
        out.array_at("statsList", |out| {
            out.open_object()
                .text_at("vmId", "11111111-1111-1111-1111-111111111111")
                .text_at("monitorResponse", "-1")
                .text_at("guestIPs", "10.0.0.5")
                .close();
        });
    });
    let (text, _) = show(&Show::List(View::Table), &[list.clone(), statistics], Style::Pretty);
    assert_eq!(
        text,
        "11111111-1111-1111-1111-111111111111     42  vm                   Up*                  10.0.0.5\n\
         2                                        42  vm                   Down\n"
    );
    assert_eq!(shown(Show::List(View::Ids), list, Style::Pretty).0, "11111111-1111-1111-1111-111111111111\n2\n");
}

#[test]
fn a_refusal_prints_its_message_and_becomes_the_exit_code() {
    for what in [Show::Reply, Show::Message, Show::List(View::Long), Show::Whole] {
        let (text, exit) = shown(what, reply(1, "Virtual machine does not exist", |_| {}), Style::Pretty);
        assert_eq!((text.as_str(), exit.code()), ("Virtual machine does not exist\n", 1));
    }
    assert_eq!(Exit::Status(100).code(), 100);
    assert_eq!(Exit::Status(2000).code(), 208);
    assert_eq!(Exit::Status(256).code(), 255);
    assert_eq!(Exit::Status(-1).code(), 255);
    assert_eq!(shown(Show::Message, reply(0, "Machine destroyed", |_| {}), Style::Pretty).0, "Machine destroyed\n");
    let (text, exit) = shown(Show::Reply, Tree::empty_object(), Style::Pretty);
    assert_eq!((text.as_str(), exit.code()), ("the reply has no status\n", 255));
}

#[test]
fn a_value_without_status_is_shown_as_it_is() {
    let names = Tree::array(|out| {
        out.text("ping").text("list");
    });
    assert_eq!(shown(Show::Whole, names, Style::Pretty), ("ping\nlist\n".to_owned(), Exit::Success));
    assert_eq!(shown(Show::Whole, Tree::text("no help"), Style::Pretty), ("no help\n".to_owned(), Exit::Success));
}

#[test]
fn storage_commands_end_with_one_for_any_failure() {
    let connected = |status: i32| {
        reply(0, "OK", move |out| {
            _ = out.array_at("statuslist", |out| _ = out.open_object().text_at("id", "c").int_at("status", status).close())
        })
    };
    assert_eq!(shown(Show::Connections, connected(0), Style::Pretty), ("c = 0\n".into(), Exit::Success));
    assert_eq!(shown(Show::Connections, connected(477), Style::Pretty), ("c = 477\n".into(), Exit::Failure));
    assert_eq!(shown(Show::Connections, reply(2000, "()", |_| {}), Style::Pretty), ("()\n".into(), Exit::Failure));
}

#[test]
fn json_keeps_types_and_the_exit_code() {
    let (text, exit) = shown(Show::Message, reply(1, "no", |out| _ = out.text_at("n", "1")), Style::Json);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value, serde_json::json!({"status": {"code": 1, "message": "no"}, "n": "1"}));
    assert_eq!(exit.code(), 1);
}
