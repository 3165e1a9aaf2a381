//! Processors: model, features, topology and pinning.

use vdsm_sdk::wire::{Object, Value, lenient};

use super::xml::Element;
use crate::reading::{self, Unstartable};

/// `cputune`, wherever the configuration speaks of pinning, be it of no processor.
pub(super) fn pinning(conf: &Object) -> Result<Option<Element>, Unstartable> {
    let Some(pinning) = conf.get("cpuPinning") else { return Ok(None) };
    let pins = pinning.as_object().ok_or_else(|| Unstartable::new("cpuPinning is no struct"))?;
    let pin = |(processor, set): (&str, &Value)| {
        let set = lenient::text_like(set).ok_or_else(|| Unstartable(format!("cpuPinning of {processor} is no text")))?;
        Ok(Element::new("vcpupin").with("vcpu", processor).with("cpuset", set))
    };
    Ok(Some(Element::new("cputune").children(pins.iter().map(pin).collect::<Result<Vec<_>, Unstartable>>()?)))
}

/// `cpu`: `model[,+flag][,-flag]…`, or the host's own processor, whose flags cannot be chosen.
pub(super) fn model(conf: &Object) -> Result<Element, Unstartable> {
    let asked = reading::text(conf, "cpuType").unwrap_or_else(|| "qemu64".into());
    let mut parts = asked.split(',');
    let model = parts.next().unwrap_or_default();
    let cpu = Element::new("cpu").with("match", "exact");
    let cpu = match model {
        "hostPassthrough" => cpu.with("mode", "host-passthrough"),
        "hostModel" => cpu.with("mode", "host-model"),
        _ => cpu.child(Element::new("model").holding(model)).children(features(model, parts.collect())),
    };
    Ok(cpu.children(topology(conf)?))
}

fn features<'a>(model: &str, mut flags: Vec<&'a str>) -> impl Iterator<Item = Element> + use<'a> {
    // QEMU's default model promises nested virtualisation that hosts rarely have.
    if model == "qemu64" && !flags.iter().any(|flag| matches!(*flag, "+svm" | "-svm")) {
        flags.push("-svm");
    }
    flags.into_iter().filter_map(|flag| {
        let (policy, name) = match flag.split_at_checked(1)? {
            ("+", name) => ("require", name),
            ("-", name) => ("disable", name),
            _ => return None,
        };
        let name = match name {
            "sse4_1" => "sse4.1",
            "sse4_2" => "sse4.2",
            other => other,
        };
        Some(Element::new("feature").with("name", name).with("policy", policy))
    })
}

/// `topology`, where cores or threads are spoken of. Sockets are what is left.
fn topology(conf: &Object) -> Result<Option<Element>, Unstartable> {
    if !conf.contains("smpCoresPerSocket") && !conf.contains("smpThreadsPerCore") {
        return Ok(None);
    }
    let (cores, threads) = (reading::number(conf, "smpCoresPerSocket", 1)?, reading::number(conf, "smpThreadsPerCore", 1)?);
    let sockets = reading::number(conf, "smp", 1)?.checked_div(cores).and_then(|cores| cores.checked_div(threads));
    let sockets = sockets.ok_or_else(|| Unstartable::new("smpCoresPerSocket and smpThreadsPerCore must not be 0"))?;
    let counts = [("sockets", sockets), ("cores", cores), ("threads", threads)];
    Ok(Some(counts.into_iter().fold(Element::new("topology"), |topology, (name, count)| topology.with(name, count.to_string()))))
}
