//! Reading the daemon's replies: `{status, value}`, and the members of values. Numbers travel as text, as everywhere on this wire.

use vdsm_core::errors::Code;
use vdsm_core::tree::{Kind, Tree, Value};

/// A member that is not there, or not what it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reply has no usable `{0}`: is vdsm-tool of another version than the daemon?")]
pub(super) struct NotUnderstood(pub(super) &'static str);

/// Why a reply has no value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReplyError {
    /// The daemon said no, with this reason.
    #[error("{0}")]
    Refused(String),
    /// The daemon said something else.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
}

/// The value of a good reply. A refusal keeps the daemon's reason and loses VDSM's `Unexpected exception` before it.
pub(super) fn value_of(reply: &Tree) -> Result<Value<'_>, ReplyError> {
    let status = reply.root().get("status").ok_or(NotUnderstood("status"))?;
    if status.get("code").and_then(Value::as_int) == Some(0) {
        return Ok(reply.root().get("value").ok_or(NotUnderstood("value"))?);
    }
    let message = status.get("message").and_then(Value::as_text).ok_or(NotUnderstood("status"))?;
    let reason = message.strip_prefix(Code::Unexpected.message()).and_then(|rest| rest.strip_prefix(": "));
    Err(ReplyError::Refused(reason.unwrap_or(message).to_owned()))
}

/// Member `key` as text.
pub(super) fn text(value: Value<'_>, key: &'static str) -> Result<String, NotUnderstood> {
    value.get(key).and_then(Value::as_text).map(str::to_owned).ok_or(NotUnderstood(key))
}

/// Member `key` as text; none when it is empty.
pub(super) fn optional(value: Value<'_>, key: &'static str) -> Result<Option<String>, NotUnderstood> {
    text(value, key).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// Member `key` as a number that travelled as text.
pub(super) fn number(value: Value<'_>, key: &'static str) -> Result<u64, NotUnderstood> {
    text(value, key)?.parse().map_err(|_| NotUnderstood(key))
}

/// The items of member `key`, each read by `read`.
pub(super) fn list<T>(
    value: Value<'_>,
    key: &'static str,
    read: impl FnMut(Value<'_>) -> Result<T, NotUnderstood>,
) -> Result<Vec<T>, NotUnderstood> {
    items(value.get(key).ok_or(NotUnderstood(key))?, key, read)
}

/// The items of `value`, which `name` names, each read by `read`.
pub(super) fn items<T>(
    value: Value<'_>,
    name: &'static str,
    read: impl FnMut(Value<'_>) -> Result<T, NotUnderstood>,
) -> Result<Vec<T>, NotUnderstood> {
    if value.kind() == Kind::Array { value.items().map(read).collect() } else { Err(NotUnderstood(name)) }
}

/// Member `key` as a list of texts.
pub(super) fn texts(value: Value<'_>, key: &'static str) -> Result<Vec<String>, NotUnderstood> {
    list(value, key, |item| item.as_text().map(str::to_owned).ok_or(NotUnderstood(key)))
}

/// Member `key` as texts by name, in the daemon's order.
pub(super) fn pairs(value: Value<'_>, key: &'static str) -> Result<Vec<(String, String)>, NotUnderstood> {
    let object = value.get(key).filter(|object| object.kind() == Kind::Object).ok_or(NotUnderstood(key))?;
    object.members().map(|(name, text)| Ok((name.to_owned(), text.as_text().ok_or(NotUnderstood(key))?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    //! Which replies have a value. Rung: pure.
    use super::*;

    fn reply(code: i32, message: &str) -> Tree {
        Tree::object(|out| {
            out.object_at("status", |out| _ = out.int_at("code", code).text_at("message", message));
        })
    }

    #[test]
    fn a_refusal_is_the_daemons_reason() {
        let refused = value_of(&reply(16, "Unexpected exception: no module is called `x`")).map(|_| ());
        assert_eq!(refused, Err(ReplyError::Refused("no module is called `x`".into())));
        let bare = value_of(&reply(16, "Unexpected exception")).map(|_| ());
        assert_eq!(bare, Err(ReplyError::Refused("Unexpected exception".into())));
    }

    #[test]
    fn a_reply_of_another_shape_is_not_taken_for_good() {
        let missing = |key| Err(ReplyError::NotUnderstood(NotUnderstood(key)));
        assert_eq!(value_of(&Tree::nil()).map(|_| ()), missing("status"));
        assert_eq!(value_of(&reply(0, "Done")).map(|_| ()), missing("value"));
    }

    #[test]
    fn members_have_their_kinds() {
        let tree = Tree::object(|out| _ = out.text_at("micros", "412").int_at("count", 4).text_at("why", ""));
        assert_eq!(number(tree.root(), "micros"), Ok(412));
        assert_eq!(number(tree.root(), "count"), Err(NotUnderstood("count")));
        assert_eq!(optional(tree.root(), "why"), Ok(None));
        assert_eq!(texts(tree.root(), "why"), Err(NotUnderstood("why")));
        assert_eq!(pairs(tree.root(), "why"), Err(NotUnderstood("why")));
    }
}
