//! VDSM's ways to write structs on a command line and a VM in a file.
//!
//! `{k:v,k:{k:v}}` nests, without quotes: a key ends at the first colon, a value at a comma or brace. `k:v,k:v` is the flat form.
//! All values are text, as VDSM's client sends them.

use std::collections::BTreeMap;

use vdsm_core::tree::{Tree, TreeBuilder};

/// A struct of texts and structs.
pub(super) type Struct = BTreeMap<String, Spec>;

/// A value of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spec {
    Text(String),
    Struct(Struct),
    List(Vec<Spec>),
}

impl Spec {
    /// Appends the value to a tree.
    pub(super) fn build(&self, out: &mut TreeBuilder) {
        match self {
            Spec::Text(text) => _ = out.text(text),
            Spec::Struct(members) => {
                out.open_object();
                for (key, member) in members {
                    out.key(key);
                    member.build(out);
                }
                out.close();
            }
            Spec::List(items) => {
                out.open_array();
                items.iter().for_each(|item| item.build(out));
                out.close();
            }
        }
    }
}

/// Why a text is no spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpecError {
    #[error("`{0}`: expected key:value")]
    Pair(String),
    #[error("`{0}`: a `}}` is missing")]
    Open(String),
    #[error("`{0}` after the closing brace")]
    Rest(String),
    #[error("key `{0}` twice")]
    Twice(String),
    #[error("nested deeper than 32")]
    Depth,
}

/// Braces inside each other that are read.
const DEPTH: usize = 32;

/// Reads `{k:v,k:{k:v}}`.
pub(super) fn nested(text: &str) -> Result<Struct, SpecError> {
    let inner = text.trim().strip_prefix('{').ok_or_else(|| SpecError::Pair(text.to_owned()))?;
    let (members, rest) = members(inner, 1)?;
    if rest.trim().is_empty() { Ok(members) } else { Err(SpecError::Rest(rest.to_owned())) }
}

/// Members up to the closing brace, and what follows it.
fn members(mut text: &str, depth: usize) -> Result<(Struct, &str), SpecError> {
    if depth > DEPTH {
        return Err(SpecError::Depth);
    }
    let mut found = Struct::new();
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix('}') {
            return Ok((found, rest));
        }
        let (key, after) = text.split_once(':').filter(|(key, _)| is_key(key)).ok_or_else(|| SpecError::Pair(text.to_owned()))?;
        let (value, rest) = match after.trim_start().strip_prefix('{') {
            Some(inner) => {
                let (inner, rest) = members(inner, depth + 1)?;
                (Spec::Struct(inner), rest)
            }
            None => {
                let end = after.find([',', '}']).ok_or_else(|| SpecError::Open(text.to_owned()))?;
                let (value, rest) = after.split_at(end);
                (Spec::Text(value.trim().to_owned()), rest)
            }
        };
        insert(&mut found, key, value)?;
        let rest = rest.trim_start();
        text = match rest.strip_prefix(',') {
            Some(next) => next,
            None if rest.starts_with('}') => rest,
            None => return Err(SpecError::Open(rest.to_owned())),
        };
    }
}

fn is_key(key: &str) -> bool {
    !key.trim().is_empty() && !key.contains(['{', '}', ','])
}

fn insert(found: &mut Struct, key: &str, value: Spec) -> Result<(), SpecError> {
    let key = key.trim().to_owned();
    match found.insert(key.clone(), value) {
        None => Ok(()),
        Some(_) => Err(SpecError::Twice(key)),
    }
}

/// Reads `k:v,k:v`, where `domain`, `pool`, `image` and `volume` get `ID` appended, or the nested form.
pub(super) fn drive(text: &str) -> Result<Struct, SpecError> {
    if text.trim_start().starts_with('{') {
        return nested(text);
    }
    let mut found = Struct::new();
    for pair in text.split(',') {
        let (key, value) = pair.split_once(':').ok_or_else(|| SpecError::Pair(pair.to_owned()))?;
        let key = key.trim();
        let key = if matches!(key, "domain" | "pool" | "image" | "volume") { format!("{key}ID") } else { key.to_owned() };
        insert(&mut found, &key, Spec::Text(value.trim().to_owned()))?;
    }
    Ok(found)
}

/// Reads `k=v,k=v`.
pub(super) fn equals_list(text: &str) -> Result<Struct, SpecError> {
    let mut found = Struct::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| SpecError::Pair(pair.to_owned()))?;
        insert(&mut found, key, Spec::Text(value.trim().to_owned()))?;
    }
    Ok(found)
}

/// The lines of a VM file that say something: `#` starts a comment.
pub(super) fn lines(file: &str) -> impl Iterator<Item = &str> {
    file.lines().map(|line| line.split_once('#').map_or(line, |(said, _)| said).trim()).filter(|line| !line.is_empty())
}

/// The argument of `create` from `param=value` lines, later ones winning. `devices=` and `drive=` add an item each, `cpuPinning=` is
/// a struct, `custom_X=` sets member X of `custom`; a line without `=` is a parameter with no value.
pub(super) fn vm<'a>(parameters: impl Iterator<Item = &'a str>) -> Result<Tree, SpecError> {
    let mut conf = Struct::new();
    let mut custom = Struct::new();
    let (mut devices, mut drives) = (Vec::new(), Vec::new());
    for line in parameters {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let (name, value) = (name.trim(), value.trim());
        match name {
            "devices" => devices.push(Spec::Struct(drive(value)?)),
            "drive" => drives.push(Spec::Struct(drive(value)?)),
            "cpuPinning" => _ = conf.insert(name.into(), Spec::Struct(nested(value)?)),
            _ => match name.strip_prefix("custom_") {
                Some(property) => _ = custom.insert(property.into(), Spec::Text(value.into())),
                None => _ = conf.insert(name.into(), Spec::Text(value.into())),
            },
        }
    }
    for (key, items) in [("devices", devices), ("drives", drives)] {
        if !items.is_empty() {
            conf.insert(key.into(), Spec::List(items));
        }
    }
    if !custom.is_empty() {
        conf.insert("custom".into(), Spec::Struct(custom));
    }
    Ok(Tree::array(|out| Spec::Struct(conf).build(out)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    fn text(value: &str) -> Spec {
        Spec::Text(value.into())
    }

    #[test]
    fn nested_specs_are_read() {
        let spec = nested("{type:interface, macAddr:00:1a:4a:16:01:51,address:{type:pci,slot:0x03},specParams:{},network:}").unwrap();
        assert_eq!(spec.get("macAddr"), Some(&text("00:1a:4a:16:01:51")));
        assert_eq!(spec.get("network"), Some(&text("")));
        assert_eq!(spec.get("specParams"), Some(&Spec::Struct(Struct::new())));
        let address = Struct::from([("type".into(), text("pci")), ("slot".into(), text("0x03"))]);
        assert_eq!(spec.get("address"), Some(&Spec::Struct(address)));
        assert_eq!(nested("{}").unwrap(), Struct::new());
        assert_eq!(nested("{a:1,}").unwrap(), Struct::from([("a".into(), text("1"))]));
    }

    #[test]
    fn broken_specs_are_refused() {
        for (broken, error) in [
            ("a:1", SpecError::Pair("a:1".into())),
            ("{a:1", SpecError::Open("a:1".into())),
            ("{a:{b:1}", SpecError::Open(String::new())),
            ("{a:1}}", SpecError::Rest("}".into())),
            ("{a}", SpecError::Pair("a}".into())),
            ("{:1}", SpecError::Pair(":1}".into())),
            ("{a:1,a:2}", SpecError::Twice("a".into())),
            ("{a:{b:1}c:2}", SpecError::Open("c:2}".into())),
        ] {
            assert_eq!(nested(broken), Err(error), "{broken}");
        }
        assert_eq!(nested(&"{a:".repeat(40)), Err(SpecError::Depth));
        assert_eq!(drive("a:1,b"), Err(SpecError::Pair("b".into())));
    }

    #[test]
    fn flat_specs_get_ids_and_connections_are_pairs() {
        let spec = drive("pool:p,domain:d,image:i,volume:v,path:/a:b").unwrap();
        let keys: Vec<&str> = spec.keys().map(String::as_str).collect();
        assert_eq!(keys, ["domainID", "imageID", "path", "poolID", "volumeID"]);
        assert_eq!(spec.get("path"), Some(&text("/a:b")));
        let connection = equals_list("id=1,connection=/data/one=two,user=").unwrap();
        assert_eq!(connection.get("connection"), Some(&text("/data/one=two")));
        assert_eq!(connection.get("user"), Some(&text("")));
        assert_eq!(equals_list("/data"), Err(SpecError::Pair("/data".into())));
    }

    #[test]
    fn a_vm_comes_from_its_file_and_the_command_line_wins() {
        let file = "# a VM\nvmId = 1111\nvmName=my vm  # not only letters\n\nmemSize=256\ndevices={device:vnc,type:graphics}\ncustom_sap=true\nnoacpi\n";
        let line = [
            "memSize=512",
            "devices={device:balloon,type:balloon,specParams:{model:virtio}}",
            "drive=path:/x",
            "cpuPinning={0:1-2}",
            "custom_b=c=d",
        ];
        let tree = vm(lines(file).chain(line)).unwrap();
        let conf = tree.root().item(0).unwrap();
        let member = |key: &str| conf.get(key).and_then(|value| value.as_text().map(str::to_owned)).unwrap();
        assert_eq!(
            (member("vmId"), member("vmName"), member("memSize"), member("noacpi")),
            ("1111".into(), "my vm".into(), "512".into(), String::new())
        );
        let devices = conf.get("devices").unwrap();
        assert_eq!(devices.len(), 2);
        assert_eq!(devices.item(1).unwrap().get("specParams").unwrap().get("model").unwrap().as_text(), Some("virtio"));
        assert_eq!(conf.get("drives").unwrap().item(0).unwrap().get("path").unwrap().as_text(), Some("/x"));
        assert_eq!(conf.get("cpuPinning").unwrap().get("0").unwrap().as_text(), Some("1-2"));
        let custom = conf.get("custom").unwrap();
        assert_eq!((custom.get("sap").unwrap().as_text(), custom.get("b").unwrap().as_text()), (Some("true"), Some("c=d")));
    }
}
