//! What README and docs promise exists: commands, files; and that each test file says its rung, as `docs/testing.md` claims.
//! Rung: pure, and mock host where a program is asked for its commands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use vdsm_tests::{Rung, source};

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

/// What stands in backticks, a line at a time.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether a part of a path or command stands for many: `NAME`, `VM_ID.toml`, `*.md`.
fn is_placeholder(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part);
    part.contains('*') || (!stem.is_empty() && stem.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'))
}

/// Whether a word is a path of the tree: not one of a host (`/usr`, `$(prefix)`, `$ROOT`), not a URI or an interface, not code.
fn is_of_the_tree(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./*".contains(letter);
    word.contains('/') && !word.starts_with('/') && word.chars().all(plain)
}

#[test]
fn every_path_of_the_tree_is_there() {
    let mut seen = 0;
    for paper in papers() {
        for word in quoted(&text(&paper)).filter(|word| is_of_the_tree(word)) {
            let path: PathBuf = word.split('/').take_while(|part| !is_placeholder(part)).collect();
            assert!(source::tree().join(&path).exists(), "{}: `{word}`", paper.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "the papers name paths, {seen} were seen");
}

#[test]
fn every_command_of_our_programs_is_one() {
    let mut seen = 0;
    for paper in papers() {
        for line in quoted(&text(&paper)) {
            // vdsClient's first word is the server.
            let (program, begin) = match line.split_whitespace().next() {
                Some("vdsm-tool") => ("vdsm-tool", 1),
                Some("vdsClient") => ("vdsClient", 2),
                _ => continue,
            };
            let words: Vec<&str> = line.split_whitespace().skip(begin).take_while(|word| !is_placeholder(word)).collect();
            if words.is_empty() {
                continue;
            }
            let server = if program == "vdsClient" { &["0"][..] } else { &[] };
            let help = Command::new(source::program(program)).args(server).args(&words).arg("--help").output().unwrap();
            assert!(help.status.success(), "{}: `{line}`: {}", paper.display(), String::from_utf8_lossy(&help.stderr));
            seen += 1;
        }
    }
    assert!(seen > 0, "the papers name commands");
}

/// The Rust files below `folder`, what was built apart.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.filter(|path| path.file_name().is_some_and(|name| name != "target") && !path.is_symlink());
    found
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false if path.extension().is_some_and(|ending| ending == "rs") => vec![path],
            false => Vec::new(),
        })
        .collect()
}

/// The rungs that `text` names where it says its rung.
fn rungs(text: &str) -> Vec<&'static str> {
    let names = [Rung::Pure, Rung::MockHost, Rung::TestDriver, Rung::Qemu].map(Rung::name);
    let said = text.split("Rung: ").skip(1).map(|rest| rest.split("\n\n").next().unwrap_or(rest));
    said.flat_map(|said| names.into_iter().filter(move |name| said.contains(name))).collect()
}

#[test]
fn every_test_file_says_its_rung_and_skips_in_the_one_way() {
    // Not spelt as they would stand in a file that is meant.
    let (test, print) = (["#[", "test]"].concat(), ["\"skip", "ped"].concat());
    let mut seen = 0;
    for file in
        ["host", "vdsmd", "tests", "guests", "sdk"].map(|folder| source::tree().join(folder)).iter().flat_map(|folder| sources(folder))
    {
        let text = text(&file);
        let own_way = text.to_lowercase().contains(&print) && !file.ends_with("harness/rung.rs");
        assert!(!own_way, "{}: a skip not by `vdsm_tests::skip`", file.display());
        if !text.contains(&test) && !text.contains("#[tokio::test") {
            continue;
        }
        // A file of tests says it in its head, another one where its tests begin.
        let of_tests = file.components().rev().take(4).any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs");
        let head: String = text.lines().filter(|line| line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
        let place = if of_tests && !text.contains("mod tests {") { &head } else { &text };
        assert!(!rungs(place).is_empty(), "{}: no rung", file.display());
        seen += 1;
    }
    assert!(seen > 100, "{seen} files with tests were seen");
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
