//! What a manager is told when something fails: VDSM's codes and texts, in the form each of them has on the wire.
//!
//! One enum ([`Code`]), one table (`errors/table.rs`). A code that VDSM raises as a Python exception carries that exception's
//! arguments in Python's notation, because managers and people have read them so for years:
//! `Unknown pool id, pool not connected: ('<uuid>',)`. Our own detail follows VDSM's text (see [`Status`]).

mod python;
mod table;
pub mod texts;

pub use python::Argument;
pub use table::Code;
pub use texts::Exit;

use crate::descriptor::Plane;
use crate::status::Status;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// VDSM's name: a key of its code table, or an exception class.
    pub symbol: &'static str,
    /// `status.code`; several errors may share one.
    pub number: i32,
    /// The fixed part of the text; empty where the whole text is made when the error is found.
    pub message: &'static str,
    /// How the text is built.
    pub wire: Wire,
    /// What a task shows when its job ends with this.
    pub task: TaskRule,
}

/// How the text of an error is built from its arguments. Formats hold `%s` and `%d`, filled in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// The message alone.
    Literal,
    /// The message and the tuple of arguments.
    Tuple,
    /// The message and a filled format, quoted.
    Sentence(&'static str),
    /// The message and a list that begins with domain, image and volume.
    Volume,
    /// A filled format in place of the message, and a second one, quoted.
    Whole(&'static str, &'static str),
    /// The message, `, UUID: ` and the id, quoted.
    Uuid,
    /// The message, a quoted text and the code it stands for.
    Aborted,
}

/// What a task shows when its job ends with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskRule {
    /// The code, and the message without its arguments.
    Keeps,
    /// Code 100 and the whole text.
    General,
}

impl Code {
    /// `status.code`.
    pub const fn number(self) -> i32 {
        self.entry().number
    }

    /// VDSM's name of it.
    pub const fn symbol(self) -> &'static str {
        self.entry().symbol
    }

    /// The fixed part of the text.
    pub const fn message(self) -> &'static str {
        self.entry().message
    }

    /// The error of that name, as [`Code::symbol`] gives it.
    pub fn of_symbol(symbol: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.symbol() == symbol)
    }

    /// The error of that code; of several the one VDSM 3.3 raises most.
    pub fn of_number(number: i32) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// The error without arguments: `Not SPM: ()`, `Virtual machine does not exist`.
    pub fn status(self) -> Status {
        self.about(&[])
    }

    /// The error without arguments, and our detail after VDSM's text.
    pub fn with(self, detail: impl Into<String>) -> Status {
        Status { detail: detail.into(), ..self.status() }
    }

    /// The code with a text of its own, as VDSM sends in some places.
    pub fn saying(self, text: impl Into<String>) -> Status {
        Status::new(self.number(), text.into(), "")
    }

    /// The error with the arguments its exception has in VDSM. Missing ones read as nothing, further ones are dropped where
    /// the form has no place for them.
    pub fn about(self, arguments: &[Argument<'_>]) -> Status {
        let Entry { number, message, wire, .. } = *self.entry();
        let text = match wire {
            Wire::Literal => return Status::new(number, message, ""),
            Wire::Tuple => format!("{message}: {}", python::tuple(arguments)),
            Wire::Sentence(format) => format!("{message}: {}", python::quote(&python::fill(format, arguments))),
            Wire::Volume => format!("{message}: {}", volume(arguments)),
            Wire::Whole(format, value) => {
                format!("{}: {}", python::fill(format, arguments), python::quote(&python::fill(value, arguments)))
            }
            Wire::Uuid => format!("{message}, UUID: {}", python::repr(&first(arguments))),
            Wire::Aborted => format!("{message}: {} - code {}", python::repr(&first(arguments)), python::text(arguments.get(1))),
        };
        Status::new(number, text, "")
    }
}

fn first<'a>(arguments: &[Argument<'a>]) -> Argument<'a> {
    arguments.first().copied().unwrap_or(Argument::Text(""))
}

/// VDSM's volume errors name what they are about, then list what else they were given.
fn volume(arguments: &[Argument<'_>]) -> String {
    let names = ["sdUUID: ", "imgUUID: ", "volUUID: "];
    let named = names.iter().enumerate().map(|(index, name)| python::quote(&format!("{name}{}", python::text(arguments.get(index)))));
    let further = arguments.iter().skip(names.len()).map(python::repr);
    format!("[{}]", named.chain(further).collect::<Vec<_>>().join(", "))
}

/// `status` as a task shows it (`taskresult`, `message` and `code` of VDSM's task status).
pub fn in_task(status: &Status) -> Status {
    let raised = |code: &&Code| code.number() == status.code && status.message.starts_with(code.message());
    match Code::ALL.iter().find(raised).map(|code| code.entry()) {
        Some(Entry { task: TaskRule::Keeps, wire: Wire::Whole(..), .. }) => {
            let whole = status.message.rsplit_once(": ").map_or(status.message.as_ref(), |(text, _)| text);
            Status::new(status.code, whole.to_owned(), status.detail.clone())
        }
        Some(Entry { task: TaskRule::Keeps, message, .. }) => Status::new(status.code, *message, status.detail.clone()),
        _ => Status::new(Code::GeneralException.number(), status.text(), ""),
    }
}

/// The status of success where a verb has no text of its own.
pub fn success(plane: Plane) -> Status {
    match plane {
        Plane::Global => Status::new(0, texts::DONE, ""),
        Plane::Storage => Status::new(0, texts::OK, ""),
    }
}
