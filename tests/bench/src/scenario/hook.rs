//! A hook's edit of a domain document: the component in a fresh store, beside a script that does the same in a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use vdsm_modules::hooks::{ChainRequest, HookRunner};
use vdsm_modules::registry::Registry;

use crate::rooms;
use crate::sample::Times;
use crate::setup::Setup;
use crate::table::{Goal, Table};

/// Times as fast as the script.
const LEAST_OF_PYTHON: f64 = 100.0;

const MODULE: &str = "smbios";
const PROPERTY: &str = "{'serial': 'S-1'}^{'vendor': 'V-1'}";
const DOCUMENT: &str = include_str!("hook/domain.xml");
const SCRIPT: &str = include_str!("hook/smbios.py");

/// What both must have made of the document.
const MADE: [&str; 2] = [">S-1</entry>", ">V-1</entry>"];

pub(super) fn run(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let folder = setup.root.join("bench-hook");
    let root = rooms::furnish(&folder, &setup.root, &[MODULE])?;
    let script = folder.join("smbios.py");
    std::fs::write(&script, SCRIPT)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (chain, component, python) = runtime.block_on(async {
        let registry = rooms::modules(&root).await?;
        one(&registry).await?;
        edit(&setup.python, &script, &folder)?;
        let (mut chain, mut component, mut python) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..setup.hooks {
            for _ in 0..10 {
                let (whole, part) = one(&registry).await?;
                chain.push(whole);
                component.push(part);
            }
            python.push(edit(&setup.python, &script, &folder)?);
        }
        anyhow::Ok((Times::of(chain), Times::of(component), Times::of(python)))
    })?;
    let bytes = DOCUMENT.len();
    let from = format!("medians: component {component}, with diff and log {chain}; script {python}; {bytes} bytes");
    table.add("hook call, of a Python script", python.median / component.median, "x", Goal::AtLeast(LEAST_OF_PYTHON), from);
    Ok(())
}

/// Runs the chain once: all of it, and what the daemon tells as the component's time (`hook.show`: fresh store, call, edit checked).
async fn one(registry: &Registry) -> anyhow::Result<(Duration, Duration)> {
    let request = ChainRequest {
        point: "before_vm_start".into(),
        vm: "00000000-0000-4000-8000-000000000000".into(),
        properties: BTreeMap::from([(MODULE.to_owned(), PROPERTY.to_owned())]),
        document: DOCUMENT.to_owned(),
    };
    let begun = Instant::now();
    let outcome = registry.run(request).await;
    let took = begun.elapsed();
    let run = outcome.runs.first().context("the hook did not run")?;
    ensure!(run.failure.is_empty() && MADE.iter().all(|part| outcome.document.contains(part)), "the hook failed: {run:?}");
    Ok((took, Duration::from_micros(run.micros)))
}

/// Runs the script once, from start to end of its process; the document is a file, as VDSM hands it to hooks.
fn edit(python: &Path, script: &Path, folder: &Path) -> anyhow::Result<Duration> {
    let document = folder.join("domain.xml");
    std::fs::write(&document, DOCUMENT)?;
    let mut command = Command::new(python);
    command.args(["-I", "-S"]).arg(script).env("_hook_domxml", &document).env(MODULE, PROPERTY);
    let begun = Instant::now();
    let status = command.status().with_context(|| python.display().to_string())?;
    let took = begun.elapsed();
    let edited = std::fs::read_to_string(&document)?;
    ensure!(status.success() && MADE.iter().all(|part| edited.contains(part)), "the script failed: {status}");
    Ok(took)
}
