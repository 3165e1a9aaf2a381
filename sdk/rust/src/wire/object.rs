//! Members of an object, in the order they were first set.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Value;

/// Below this many members comparing them all is quicker than an index.
const FEW: usize = 16;

/// An object: members by name, each name once, in the order of their first appearance. Two objects are equal when they have the
/// same members, in any order: on the wire the order means nothing.
#[derive(Clone, Debug, Default)]
pub struct Object {
    members: Vec<(Cow<'static, str>, Value)>,
}

impl Object {
    /// No members.
    pub fn new() -> Object {
        Object::default()
    }

    /// The value of member `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of member `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of member `key`, when it is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// Whether there is a member `key`.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets member `key`; returns the value it had.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Option<Value> {
        let key = key.into();
        match self.get_mut(&key) {
            Some(old) => Some(std::mem::replace(old, value.into())),
            None => {
                self.members.push((key, value.into()));
                None
            }
        }
    }

    /// Member `key`, made by `default` when there is none.
    pub fn entry(&mut self, key: impl Into<Cow<'static, str>>, default: impl FnOnce() -> Value) -> &mut Value {
        let key = key.into();
        // Taken out and put back: either way the member is one just inserted, so there is always something to lend.
        let (at, value) = match self.members.iter().position(|(name, _)| *name == key) {
            Some(at) => (at, self.members.remove(at).1),
            None => (self.members.len(), default()),
        };
        &mut self.members.insert_mut(at, (key, value)).1
    }

    /// Takes member `key` out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.members.iter().position(|(name, _)| name == key)?;
        Some(self.members.remove(at).1)
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

/// A name that comes again replaces the value before it, as in Python's dict.
impl<K: Into<Cow<'static, str>>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Object {
        let members = members.into_iter();
        let mut object = Object { members: Vec::with_capacity(members.size_hint().0) };
        let mut index = BTreeMap::new();
        for (key, value) in members {
            let key = key.into();
            if object.members.len() < FEW {
                object.set(key, value);
                continue;
            }
            if index.is_empty() {
                index.extend(object.members.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)));
            }
            match index.get(&key).and_then(|at| object.members.get_mut(*at)) {
                Some((_, old)) => *old = value.into(),
                None => {
                    index.insert(key.clone(), object.members.len());
                    object.members.push((key, value.into()));
                }
            }
        }
        object
    }
}

impl IntoIterator for Object {
    type Item = (Cow<'static, str>, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;
    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}
