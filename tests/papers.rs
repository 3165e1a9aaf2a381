//! What README and docs promise exists: commands, files.
//! Rung: pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vdsm_tests::source;

fn papers() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(source::tree().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.chain([source::tree().join("README.md")]).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Words that stand between `before` and `after` on one line.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let lines = text.lines();
    lines.flat_map(|line| line.split(before).skip(1)).filter_map(|rest| rest.split_once(after).map(|(word, _)| word)).collect()
}

#[test]
fn every_make_command_is_a_target() {
    let makefile = text(&source::tree().join("Makefile"));
    let targets: BTreeSet<&str> = makefile.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name)).collect();
    for paper in papers() {
        for command in between(&text(&paper), "`make ", "`") {
            let target = command.split_whitespace().next().unwrap();
            assert!(targets.contains(target), "{}: make {command}", paper.display());
        }
    }
}

#[test]
fn every_linked_file_is_there() {
    for paper in papers() {
        for link in between(&text(&paper), "](", ")") {
            let file = link.split('#').next().unwrap();
            let target = paper.parent().unwrap().join(file);
            assert!(file.is_empty() || target.exists(), "{}: {link}", paper.display());
        }
    }
}

#[test]
fn the_one_sentence_stands_in_the_readme() {
    assert!(text(&source::tree().join("README.md")).contains("A module asks and plans; the host acts."));
}
