//! XML-RPC documents into trees, in one pass and under limits.
//!
//! A document is read event by event straight into the arena: no document tree exists in between. Sizes are checked before
//! anything is stored, and an argument at a secret path goes into the call's held table without ever touching the arena.
//! Reading is liberal where VDSM's peers differ (untagged text, `i8`, `nil`, prefixes, attributes) and strict where a mistake
//! would change a meaning (duplicate members, text beside a type, two method names).

mod error;
mod scan;
mod secrets;
mod values;

use std::sync::Arc;

use vdsm_core::descriptor::ArgumentPath;
use vdsm_core::held::HeldTable;
use vdsm_core::tree::{Tree, TreeBuilder, Value};

use crate::fault::Fault;

pub use error::{DecodeError, Reason};
use scan::{Scanner, Tag, Token};
use secrets::Follow;
use values::Values;

/// Largest document in bytes.
pub const MAX_BODY: usize = 32 << 20;

/// Most values (nodes of the tree) in a document.
pub const MAX_VALUES: usize = 1_000_000;

/// A decoded method call.
#[derive(Debug)]
pub struct Request {
    /// `methodName`, without blanks around it.
    pub method: String,
    /// One array of the positional arguments.
    pub arguments: Tree,
    /// The secrets among them.
    pub held: HeldTable,
}

/// A decoded method response.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The returned value.
    Value(Tree),
    /// The fault returned instead.
    Fault(Fault),
}

/// Decodes a `methodCall`. `secrets` gives the paths of the named method's secret arguments: every scalar at or below one of them
/// becomes a [`vdsm_core::held::Held::Secret`] of its text (base64: of the decoded text).
pub fn decode_request(body: &[u8], secrets: impl FnOnce(&str) -> Arc<[ArgumentPath]>) -> Result<Request, DecodeError> {
    let mut scan = Scanner::new(body)?;
    scan.open(Tag::MethodCall)?;
    scan.open(Tag::MethodName)?;
    let method = scan.text()?.trim().to_owned();
    if method.is_empty() {
        return Err(scan.error(Reason::Unexpected("a method name")));
    }
    let paths = secrets(&method);
    let held = HeldTable::new();
    let mut out = TreeBuilder::new();
    out.open_array();
    match scan.structural()? {
        Token::Close => {}
        Token::Open(Tag::Params) => {
            Values { scan: &mut scan, out: &mut out, held: &held }.params(&Follow::from_root(&paths))?;
            scan.close()?;
        }
        _ => return Err(scan.error(Reason::Unexpected("params"))),
    }
    scan.end()?;
    out.close();
    let arguments = out.finish().map_err(|cause| scan.error(Reason::Tree(cause)))?;
    Ok(Request { method, arguments, held })
}

/// Decodes a `methodResponse`.
pub fn decode_response(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut scan = Scanner::new(body)?;
    scan.open(Tag::MethodResponse)?;
    let answer = match scan.structural()? {
        Token::Open(Tag::Params) => {
            scan.open(Tag::Param)?;
            let value = lone_value(&mut scan)?;
            scan.close()?;
            Answer::Value(value)
        }
        Token::Open(Tag::Fault) => {
            let value = lone_value(&mut scan)?;
            Answer::Fault(fault_of(value.root()).ok_or_else(|| scan.error(Reason::Unexpected("faultCode and faultString")))?)
        }
        _ => return Err(scan.error(Reason::Unexpected("params or fault"))),
    };
    scan.close()?;
    scan.end()?;
    Ok(answer)
}

/// One `<value>` and the end of the element around it.
fn lone_value(scan: &mut Scanner<'_>) -> Result<Tree, DecodeError> {
    let mut out = TreeBuilder::new();
    let held = HeldTable::new();
    scan.open(Tag::Value)?;
    Values { scan, out: &mut out, held: &held }.value(0, &Follow::nothing())?;
    scan.close()?;
    out.finish().map_err(|cause| scan.error(Reason::Tree(cause)))
}

fn fault_of(value: Value<'_>) -> Option<Fault> {
    let code = value.get("faultCode")?.as_int()?;
    let text = value.get("faultString")?.as_text()?.to_owned();
    Some(Fault { code, text })
}

#[cfg(test)]
mod tests;
