//! One value, and how it is read.

use super::Object;

/// Names a value the host keeps: a secret argument, a machine's configuration, an encoded fragment. It can be placed in a step or a
/// reply of the same call, not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldRef {
    pub(super) slot: u32,
    pub(super) table: u32,
}

/// A value of the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value. VDSM's wire cannot carry it outward.
    #[default]
    Nil,
    /// A boolean.
    Bool(bool),
    /// A 32 bit integer.
    Int(i32),
    /// A 64 bit integer. VDSM's wire cannot carry it outward: sizes and counters travel as text.
    Int64(i64),
    /// A double.
    Double(f64),
    /// A text.
    Text(String),
    /// Binary data.
    Bytes(Vec<u8>),
    /// A point in time as XML-RPC writes it: `19980717T14:08:55`.
    Time(String),
    /// Items.
    Array(Vec<Value>),
    /// Members by name.
    Object(Object),
    /// A value the host keeps.
    Held(HeldRef),
}

impl Value {
    /// The boolean, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The 32 bit integer, when it is one.
    pub fn as_int(&self) -> Option<i32> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, when it is one of either width.
    pub fn as_int64(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(i64::from(*value)),
            Value::Int64(value) => Some(*value),
            _ => None,
        }
    }

    /// The double, when it is one.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Value::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }

    /// The items, when it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, when it is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The members, to be changed, when it is an object.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The items of an array; none of anything else.
    pub fn items(&self) -> &[Value] {
        self.as_array().unwrap_or(&[])
    }

    /// Member `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// Member `key` of an object, when it is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// What a path of member names and item numbers leads to, as descriptors write it without `*`: `0.devices.1.path`.
    pub fn at(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self, |value, part| match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            other => other.get(part),
        })
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Value::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Value::Text(value.clone())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Value::Object(value)
    }
}

impl From<HeldRef> for Value {
    fn from(value: HeldRef) -> Self {
        Value::Held(value)
    }
}

impl From<&Value> for Value {
    fn from(value: &Value) -> Self {
        value.clone()
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Value::Array(items.into_iter().map(Into::into).collect())
    }
}
