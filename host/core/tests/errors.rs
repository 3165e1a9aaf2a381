//! What a manager reads when something fails. Rung: pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod reference;

use std::collections::BTreeSet;

use vdsm_core::errors::{Argument, Code, Exit, TaskRule, Wire, in_task, texts};

/// Whole number `key` of a row of the reference.
fn number(row: &toml::Table, key: &str) -> Option<i64> {
    row.get(key).and_then(toml::Value::as_integer)
}

const POOL: &str = "5849b030-626e-47cb-ad90-3ce782d831b3";

#[test]
fn every_error_of_the_reference_has_its_code_text_and_form() {
    let Some(table) = reference::read("errors.toml") else { return };
    let rows = reference::rows(&table, "error");
    for row in &rows {
        let symbol = reference::text(row, "symbol").unwrap();
        let code = Code::of_symbol(symbol).unwrap_or_else(|| panic!("{symbol} is missing"));
        assert_eq!(Some(i64::from(code.number())), number(row, "code"), "{symbol}");
        assert_eq!(Some(code.message()), reference::text(row, "message"), "{symbol}");
        let value = reference::text(row, "value").unwrap_or_default();
        let (form, format) = match code.entry().wire {
            Wire::Literal => ("literal", ""),
            Wire::Tuple => ("tuple", ""),
            Wire::Sentence(format) => ("string", format),
            Wire::Volume => ("list", ""),
            Wire::Whole(whole, format) => {
                assert_eq!(Some(whole), reference::text(row, "message_format"), "{symbol}");
                ("formatted", format)
            }
            Wire::Uuid => ("uuid", ""),
            Wire::Aborted => ("aborted", ""),
        };
        assert_eq!((Some(form), format), (reference::text(row, "wire"), value), "{symbol}");
        let keeps = number(row, "task_code") == Some(i64::from(code.number()));
        assert_eq!(code.entry().task == TaskRule::Keeps, keeps, "{symbol}");
    }
    assert_eq!(rows.len(), Code::ALL.len(), "errors that VDSM does not have");
}

#[test]
fn our_texts_are_vdsms() {
    let Some(table) = reference::read("errors.toml") else { return };
    let literals = reference::rows(&table, "literal");
    let known: BTreeSet<_> = literals.iter().filter_map(|row| reference::text(row, "message")).collect();
    for text in [
        texts::DONE,
        texts::MACHINE_DESTROYED,
        texts::MACHINE_SHUT_DOWN,
        texts::SHUTDOWN_WITHOUT_ACPI,
        texts::SHUTDOWN_REFUSED,
        texts::STORAGE_NOT_STARTED,
    ] {
        assert!(known.contains(text), "{text}");
    }
    let ends: BTreeSet<_> = reference::rows(&table, "exit")
        .iter()
        .map(|row| (number(row, "exitCode").unwrap(), reference::text(row, "exitMessage").unwrap().to_owned()))
        .collect();
    for exit in Exit::ALL {
        assert!(ends.contains(&(i64::from(exit.code()), exit.message().to_owned())), "{exit:?}");
    }
}

#[test]
fn symbols_are_unique() {
    let symbols: BTreeSet<_> = Code::ALL.iter().map(|code| code.symbol()).collect();
    assert_eq!(symbols.len(), Code::ALL.len());
}

#[test]
fn a_global_error_is_vdsms_text_then_our_detail() {
    assert_eq!(Code::NoVm.status().text(), "Virtual machine does not exist");
    let status = Code::MissParam.with("vmId is not given");
    assert_eq!((status.code, status.text().as_str()), (11, "Missing required parameter: vmId is not given"));
    assert_eq!(Code::BadNic.saying("unknown nic: eth9").text(), "unknown nic: eth9");
}

#[test]
fn a_storage_error_shows_its_arguments_as_python_would() {
    let pool = Code::StoragePoolUnknown.about(&[POOL.into()]);
    assert_eq!((pool.code, pool.text()), (309, format!("Unknown pool id, pool not connected: ('{POOL}',)")));
    assert_eq!(Code::SpmStatusError.status().text(), "Not SPM: ()");
    assert_eq!(Code::InvalidParameterException.about(&["size".into(), "-1".into()]).text(), "Invalid parameter: 'size=-1'");
    let busy = Code::VolumeIsBusy.about(&["d".into(), "i".into(), "v".into(), "more".into()]);
    assert_eq!(busy.text(), "Volume is busy: ['sdUUID: d', 'imgUUID: i', 'volUUID: v', 'more']");
    assert_eq!(Code::ResourceException.about(&["r".into()]).text(), "General Exception, UUID: 'r'");
    assert_eq!(Code::TaskAborted.about(&["Unknown error".into(), 411.into()]).text(), "Task is aborted: 'Unknown error' - code 411");
    let version = Code::UnsupportedDomainVersion.about(&[7.into()]);
    assert_eq!(version.text(), "Domain version `7` is unsupported by this version of VDSM: ''");
}

#[test]
fn python_quotes_are_chosen_and_escaped_as_python_2_does() {
    let shown = |text: &str| Code::SpmStartError.about(&[Argument::Text(text), Argument::None, Argument::Int(-5)]).text();
    for (text, quoted) in [
        ("plain", "'plain'"),
        ("it's", "\"it's\""),
        ("\"it's\"", "'\"it\\'s\"'"),
        ("a\\b\n\t\r\u{1}\u{7f}", "'a\\\\b\\n\\t\\r\\x01\\x7f'"),
        ("é", "u'\\xe9'"),
        ("Ω", "u'\\u03a9'"),
        ("𝄞", "u'\\U0001d11e'"),
    ] {
        assert_eq!(shown(text), format!("Error starting SPM: ({quoted}, None, -5)"));
    }
}

#[test]
fn a_task_keeps_the_code_of_storage_errors_and_hides_their_arguments() {
    let kept = in_task(&Code::VolumeDoesNotExist.about(&["v".into()]));
    assert_eq!((kept.code, kept.text().as_str()), (201, "Volume does not exist"));
    let general = in_task(&Code::InvalidParameterException.about(&["a".into(), "b".into()]));
    assert_eq!((general.code, general.text().as_str()), (100, "Invalid parameter: 'a=b'"));
    let whole = in_task(&Code::NoSpaceLeftOnDomain.about(&["d".into()]));
    assert_eq!((whole.code, whole.text().as_str()), (397, "No space left on domain d"));
}
