//! Devices of a configuration while a document is merged into them: each rule finds its device and sets what libvirt chose.

use vdsm_core::tree::{Tree, TreeBuilder, Value};

use crate::vm::listed::scalar_text;
use crate::xml::Element;

/// An object that can be changed: members in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Dict(Vec<(String, Tree)>);

impl Dict {
    /// A copy of `value`; empty when it is no object.
    pub(super) fn of(value: Value<'_>) -> Dict {
        Dict(value.members().filter(|(name, _)| !name.is_empty()).map(|(name, member)| (name.to_owned(), Tree::copy_of(member))).collect())
    }

    /// Sets a member, in its place when it is there.
    pub(super) fn set(&mut self, name: &str, value: Tree) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, member)) => *member = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The items of an array member, as objects.
    pub(super) fn array(&self, name: &str) -> Vec<Dict> {
        self.get(name).map(|array| array.root().items().map(Dict::of).collect()).unwrap_or_default()
    }

    /// The object.
    pub(super) fn into_tree(self) -> Tree {
        Tree::object(|out| {
            for (name, member) in &self.0 {
                out.value_at(name, member.root());
            }
        })
    }

    fn get(&self, name: &str) -> Option<&Tree> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, member)| member)
    }

    /// A scalar member as text.
    fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|member| scalar_text(member.root()))
    }

    fn is(&self, name: &str, text: &str) -> bool {
        self.get(name).and_then(|member| member.root().as_text()) == Some(text)
    }

    fn set_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.set(name, Tree::text(text));
        }
    }

    fn set_flag(&mut self, name: &str, flag: bool) {
        let mut tree = TreeBuilder::new();
        tree.boolean(flag);
        self.set(name, tree.finish().unwrap_or_else(|_| Tree::nil()));
    }

    /// Alias and address, as far as libvirt gave them.
    fn place(&mut self, element: &Element) {
        self.set_text("alias", alias(element));
        if let Some(address) = element.child("address") {
            let address = Tree::object(|out| {
                for (name, value) in &address.attributes {
                    out.text_at(name, value);
                }
            });
            self.set("address", address);
        }
    }
}

fn alias(element: &Element) -> Option<&str> {
    element.child_attribute("alias", "name")
}

/// Merges one document. Each device of the configuration is given to one element at most.
pub(super) struct Reader {
    devices: Vec<Dict>,
    taken: Vec<bool>,
}

impl Reader {
    pub(super) fn new(devices: Vec<Dict>) -> Reader {
        let taken = vec![false; devices.len()];
        Reader { devices, taken }
    }

    /// The devices as an array.
    pub(super) fn finish(self) -> Tree {
        Tree::array(|out| {
            for device in self.devices {
                out.value(device.into_tree().root());
            }
        })
    }

    /// The first device of `kind` that fits and is not given away.
    fn find(&self, kind: &str, fits: impl Fn(&Dict) -> bool) -> Option<usize> {
        self.devices.iter().zip(&self.taken).position(|(device, taken)| !taken && device.is("type", kind) && fits(device))
    }

    /// The device at `found`, given away; a new one of `kind` where there is none.
    fn take(&mut self, found: Option<usize>, kind: &str, device: &str) -> Option<&mut Dict> {
        let index = found.unwrap_or_else(|| {
            let mut dict = Dict::default();
            dict.set("type", Tree::text(kind));
            dict.set("device", Tree::text(device));
            self.devices.push(dict);
            self.taken.push(false);
            self.devices.len() - 1
        });
        *self.taken.get_mut(index)? = true;
        self.devices.get_mut(index)
    }

    /// NICs, by their MAC.
    pub(super) fn interface(&mut self, element: &Element) {
        let Some(mac) = element.child_attribute("mac", "address") else { return };
        let kind = element.attribute("type").unwrap_or_default();
        let name = if kind == "hostdev" { alias(element) } else { element.child_attribute("target", "dev") };
        let up = element.child_attribute("link", "state") != Some("down");
        let known = self.find("interface", |device| device.text("macAddr").is_some_and(|known| known.eq_ignore_ascii_case(mac)));
        let Some(nic) = self.take(known, "interface", kind) else { return };
        if known.is_none() {
            let model = if kind == "hostdev" { Some("passthrough") } else { element.child_attribute("model", "type") };
            nic.set_text("macAddr", Some(mac));
            nic.set_text("nicModel", model);
            nic.set_text("network", element.child_attribute("source", "bridge").or_else(|| element.child_attribute("source", "network")));
        }
        nic.place(element);
        nic.set_text("name", name);
        nic.set_flag("linkActive", up);
    }

    /// Disks: by alias, which corrects the path, else by path; of several without a medium the one on the same bus.
    pub(super) fn disk(&mut self, element: &Element) {
        let source = |attribute| element.child_attribute("source", attribute);
        let path = source("file").or_else(|| source("dev")).or_else(|| source("name")).unwrap_or_default();
        let bus = element.child_attribute("target", "bus").unwrap_or_default();
        let kind = element.attribute("device").unwrap_or("disk");
        let named = alias(element);
        let same_path = |device: &Dict| device.text("path").unwrap_or_default() == path && device.get("alias").is_none();
        let known = self
            .find("disk", |device| named.is_some_and(|alias| device.is("alias", alias)))
            .or_else(|| self.find("disk", |device| same_path(device) && device.is("iface", bus) && device.is("device", kind)))
            .or_else(|| self.find("disk", same_path));
        let Some(disk) = self.take(known, "disk", kind) else { return };
        disk.set_text("path", Some(path));
        if known.is_none() {
            let drive = element.child_attribute("address", "type") == Some("drive");
            disk.set_text("iface", Some(if drive { "ide" } else { "pci" }));
        }
        disk.place(element);
        disk.set_text("name", element.child_attribute("target", "dev"));
        disk.set_text("readonly", Some(if element.child("readonly").is_some() { "True" } else { "False" }));
        disk.set_text("bootOrder", element.child_attribute("boot", "order"));
    }

    /// Devices that nothing but their order tells apart: the one of that alias, else the first without one.
    pub(super) fn by_order(&mut self, kind: &str, element: &Element) {
        let Some(named) = alias(element) else { return };
        let known = self.find(kind, |device| device.is("alias", named)).or_else(|| self.find(kind, |device| device.get("alias").is_none()));
        if let Some(device) = known.and_then(|index| self.take(Some(index), kind, "")) {
            device.place(element);
        }
    }

    /// Controllers: by type, and by index and model where the configuration has them. Those without an address are libvirt's own.
    pub(super) fn controller(&mut self, element: &Element) {
        if element.child("address").is_none() {
            return;
        }
        let kind = element.attribute("type").unwrap_or_default();
        let same = |device: &Dict, name: &str| device.text(name).is_none_or(|text| element.attribute(name) == Some(text.as_str()));
        let known = self.find("controller", |device| device.is("device", kind) && same(device, "index") && same(device, "model"));
        let Some(controller) = self.take(known, "controller", kind) else { return };
        if known.is_none() {
            controller.set_text("index", element.attribute("index"));
            controller.set_text("model", element.attribute("model"));
        }
        controller.place(element);
    }

    /// Kinds of which a machine has one: every device of that type in the configuration stands for it.
    pub(super) fn every(&mut self, kind: &str, element: &Element) {
        for (device, taken) in self.devices.iter_mut().zip(&mut self.taken).filter(|(device, _)| device.is("type", kind)) {
            device.place(element);
            *taken = true;
        }
    }

    /// The same for kinds that matter only once they have an address.
    pub(super) fn every_addressed(&mut self, kind: &str, element: &Element) {
        if element.child("address").is_some() {
            self.every(kind, element);
        }
    }

    /// Anything with an address and an alias that no device of the configuration has: appended under the element's name.
    pub(super) fn unknown(&mut self, element: &Element) {
        let Some(named) = alias(element).filter(|_| element.child("address").is_some()) else { return };
        if self.devices.iter().any(|device| device.is("alias", named)) {
            return;
        }
        if let Some(device) = self.take(None, &element.name, element.attribute("type").unwrap_or_default()) {
            device.place(element);
        }
    }
}
