//! Values as they travel between manager, host and module.
//!
//! The interfaces carry a value as an arena ([`Tree`]); a module reads and builds [`Value`]s. An int is not a text is not a double:
//! on the wire the type is the contract. What VDSM accepts beyond it is in [`lenient`], one named function a rule.
//!
//! ```
//! use vdsm_sdk::{array, object, wire::{Value, decode, encode}};
//!
//! let reply = object! { "vmId": "a", "disks": array!["sda", "sdb"], "cpus": 2 };
//! let tree = encode(&reply.clone().into());
//! assert_eq!(decode(&tree), Ok(Value::Object(reply)));
//! ```

mod arena;
pub mod lenient;
mod object;
mod value;

pub use crate::bindings::imports::vdsm::wire::types::{Kind, Node, Tree};
pub use arena::{MAX_DEPTH, WireError, decode, encode, try_encode};
pub use object::Object;
pub use value::{HeldRef, Value};

/// The tree of an object without members: the reply of a verb that has nothing to say beside its status.
pub fn empty_object() -> Tree {
    encode(&Value::Object(Object::new()))
}

/// Builds an [`Object`]: `object! { "name": "a", "size": 1 }`. A name that is not a literal stands in brackets.
#[macro_export]
macro_rules! object {
    () => { $crate::wire::Object::new() };
    ($($key:tt : $value:expr),+ $(,)?) => {{
        let mut object = $crate::wire::Object::new();
        $(object.set($key, $value);)+
        object
    }};
}

/// Builds an array [`Value`](crate::wire::Value): `array!["a", 1]`.
#[macro_export]
macro_rules! array {
    ($($value:expr),* $(,)?) => {
        $crate::wire::Value::Array(::std::vec![$($crate::wire::Value::from($value)),*])
    };
}
