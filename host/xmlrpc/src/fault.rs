//! The XML-RPC fault: what a caller gets when there is no reply at all.

/// An XML-RPC fault. A manager takes it for a network error, so a verb never answers with one (a status does).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault {code}: {text}")]
pub struct Fault {
    /// `faultCode`; VDSM knows only 1.
    pub code: i32,
    /// `faultString`: `CLASS:TEXT`, the class as Python 2 prints it.
    pub text: String,
}

impl Fault {
    /// A fault as VDSM forms it: code 1, the class as Python 2 prints it, and a text.
    pub fn python(class: &str, text: impl std::fmt::Display) -> Fault {
        Fault { code: 1, text: format!("{class}:{text}") }
    }

    /// The answer to a method that nobody serves and VDSM never had.
    pub fn not_supported(method: &str) -> Fault {
        Fault::python("<type 'exceptions.Exception'>", format_args!("method \"{method}\" is not supported"))
    }
}
