//! Components from a core module in the text format, a world and constants.

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::image::Image;

/// Interfaces of a room that exists in these tests only, and some that nothing offers.
const ROOMS: &str = "
package test:lab@0.1.0;
interface ask { resource tube; open: func() -> tube; name: func() -> string; secret: func() -> string; mine: func(id: string) -> u32; }
interface plan { use vdsm:wire/types@0.1.0.{tree}; touch: func(id: string) -> u32; put: func(value: tree) -> u32; }
";
const ODD: &str = "package test:odd@0.1.0; interface thing { f: func(); }";
const LATER: &str = "package vdsm:hook@0.9.0; interface log { write: func(l: u32); }";

/// Compiles `core` as a component of a world with these items.
pub(crate) fn component(items: &str, core: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(published()).unwrap();
    for (name, text) in [("lab.wit", ROOMS), ("odd.wit", ODD), ("later.wit", LATER)] {
        resolve.push_str(name, text).unwrap();
    }
    let package = resolve.push_str("world.wit", &format!("package test:modules; world module {{ {items} }}")).unwrap();
    let world = resolve.select_world(&[package], Some("module")).unwrap();
    let mut module = wat::parse_str(core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// The published interfaces: above whichever crate builds with this file, the black-box tests too.
fn published() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("wit")).find(|wit| wit.is_dir()).unwrap()
}

const VERB_WORLD: &str = "import vdsm:hook/log@0.1.0; import vdsm:verb/plan@0.1.0; import test:lab/ask@0.1.0; import test:lab/plan@0.1.0;
    import test:odd/thing@0.1.0; import vdsm:hook/log@0.9.0; import vdsm:vm/plan@0.1.0; export vdsm:verb/handler@0.1.0;";

/// One descriptor.
pub(crate) struct Described<'a> {
    pub(crate) name: &'a str,
    pub(crate) answer_ms: u32,
    pub(crate) default_code: i32,
    pub(crate) subject: Option<(&'a str, &'a str)>,
    pub(crate) secrets: &'a [&'a str],
}

impl Default for Described<'_> {
    fn default() -> Self {
        Described { name: "ping", answer_ms: 1000, default_code: 16, subject: None, secrets: &[] }
    }
}

impl Described<'_> {
    fn record(&self, image: &mut Image) -> Vec<u8> {
        let subjects: Vec<Vec<u8>> =
            self.subject.iter().map(|(kind, path)| [image.text(kind), image.text(path), vec![0; 4], image.records(&[])].concat()).collect();
        [
            image.text(self.name),
            vec![0, 0, 0, 0],
            image.text("help"),
            image.records(&[]),
            image.texts(self.secrets),
            image.records(&subjects),
            self.answer_ms.to_le_bytes().to_vec(),
            image.status(self.default_code, "Unexpected exception"),
        ]
        .concat()
    }
}

/// A verb module: what it describes, and the bodies of its functions. A body sees `$decision`, the address of a constant.
#[derive(Default)]
pub(crate) struct Verb<'a> {
    pub(crate) described: &'a [Described<'a>],
    /// Imports of the core, as text.
    pub(crate) imports: &'a str,
    /// Before `describe` returns.
    pub(crate) describe: &'a str,
    /// Before `decide` returns its constant.
    pub(crate) decide: &'a str,
    /// Whatever else stands in the core.
    pub(crate) more: &'a str,
}

const REALLOC: &str = "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))";

impl Verb<'_> {
    /// The component; `decision` lays out what `decide` returns.
    pub(crate) fn build(&self, decision: impl FnOnce(&mut Image) -> u32) -> Vec<u8> {
        let mut image = Image::default();
        let ping = [Described::default()];
        let described = if self.described.is_empty() { &ping[..] } else { self.described };
        let records: Vec<Vec<u8>> = described.iter().map(|one| one.record(&mut image)).collect();
        let list = image.records(&records);
        let descriptors = image.put(&list);
        let decision = decision(&mut image);
        let core = format!(
            "(module {imports} (memory (export \"memory\") 32) (global $free (mut i32) (i32.const {end})) {REALLOC}
             (func (export \"vdsm:verb/handler@0.1.0#describe\") (result i32) {describe} (i32.const {descriptors}))
             (func (export \"vdsm:verb/handler@0.1.0#decide\") (param i32) (result i32) (local i32 i32) {decide} (i32.const {decision}))
             {more} {data})",
            imports = self.imports,
            describe = self.describe,
            decide = self.decide,
            more = self.more,
            end = image.end(),
            data = image.segment(),
        );
        component(VERB_WORLD, &core)
    }
}

/// A module that answers `ping` with `{ "version": version }`.
pub(crate) fn ping(version: i32) -> Vec<u8> {
    Verb::default().build(|image| answer(image, version))
}

/// `{ "version": version }` as a reply.
pub(crate) fn answer(image: &mut Image, version: i32) -> u32 {
    let members = vdsm_core::tree::Tree::object(|object| {
        object.int_at("version", version);
    });
    let members = image.tree(&members);
    image.reply(members)
}

/// A hook; `verdict` lays out what it returns. `body` runs before, with the address of (snapshot, facts) as local 0; where `body` leaves
/// an address on the stack by itself, `verdict` is not used.
pub(crate) fn hook(body: &str, verdict: impl FnOnce(&mut Image) -> u32) -> Vec<u8> {
    let mut image = Image::default();
    let verdict = verdict(&mut image);
    let core = format!(
        "(module (memory (export \"memory\") 32) (global $free (mut i32) (i32.const {end})) {REALLOC}
         (func (export \"vdsm:hook/domain-hook@0.1.0#edit\") (param i32) (result i32) (local i32) {body} (i32.const {verdict}))
         {data})",
        end = image.end(),
        data = image.segment(),
    );
    component("export vdsm:hook/domain-hook@0.1.0;", &core)
}

/// A hook that adds 1 to the digit at byte `at` of the document.
pub(crate) fn increment(at: usize) -> Vec<u8> {
    let body = format!(
        "(local.set 1 (i32.add (i32.load offset=24 (local.get 0)) (i32.const {at})))
         (i32.store8 (local.get 1) (i32.add (i32.load8_u (local.get 1)) (i32.const 1)))
         (i32.store8 (i32.const 8) (i32.const 0)) (i32.store8 (i32.const 12) (i32.const 1))
         (i32.store (i32.const 16) (i32.load offset=24 (local.get 0)))
         (i32.store (i32.const 20) (i32.load offset=28 (local.get 0)))
         (return (i32.const 8))"
    );
    hook(&body, Image::verdict_keep)
}
