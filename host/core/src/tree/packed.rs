//! Nodes on the disk: eleven bytes each, little-endian (key, kind, `a`, `b`). A job's row is mostly nodes, and written out by name they
//! cost more than the commit around them.

use serde::de::Error;
use serde::{Deserializer, Serializer};

use super::{Kind, Node};

const SIZE: usize = 11;
/// By number, in the order of the enum.
const KINDS: [Kind; 11] = [
    Kind::Nil,
    Kind::Boolean,
    Kind::Int,
    Kind::Int64,
    Kind::Double,
    Kind::Text,
    Kind::Bytes,
    Kind::Time,
    Kind::Array,
    Kind::Object,
    Kind::Held,
];

pub(super) fn serialize<S: Serializer>(nodes: &[Node], serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(nodes.len() * SIZE);
    for Node { key, kind, a, b } in nodes {
        bytes.extend(key.to_le_bytes());
        bytes.push(*kind as u8);
        bytes.extend(a.to_le_bytes());
        bytes.extend(b.to_le_bytes());
    }
    serializer.serialize_bytes(&bytes)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Node>, D::Error> {
    let bytes: Vec<u8> = serde_bytes::deserialize(deserializer)?;
    let (nodes, rest) = bytes.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(D::Error::custom("a node is cut off"));
    }
    let node = |[k0, k1, kind, a0, a1, a2, a3, b0, b1, b2, b3]: &[u8; SIZE]| {
        let kind = KINDS.get(usize::from(*kind)).copied().ok_or_else(|| D::Error::custom(format!("a node of kind {kind}")))?;
        let (a, b) = (u32::from_le_bytes([*a0, *a1, *a2, *a3]), u32::from_le_bytes([*b0, *b1, *b2, *b3]));
        Ok(Node { key: u16::from_le_bytes([*k0, *k1]), kind, a, b })
    };
    nodes.iter().map(node).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    //! Rung: pure.
    use super::*;
    use crate::tree::Parts;

    #[test]
    fn nodes_are_read_as_they_were_written_and_nothing_else_is() {
        let nodes: Vec<_> =
            KINDS.iter().zip(0..).map(|(kind, n)| Node { key: 300 + n, kind: *kind, a: u32::MAX - 7, b: 1 << 20 }).collect();
        let parts = Parts { nodes, ..Parts::default() };
        let mut bytes = Vec::new();
        ciborium::into_writer(&parts, &mut bytes).unwrap();
        assert_eq!(ciborium::from_reader::<Parts, _>(bytes.as_slice()).unwrap(), parts);
        for (kind, n) in KINDS.iter().zip(0_u8..) {
            assert_eq!(*kind as u8, n);
        }
        for nodes in [vec![0; SIZE - 1], [vec![0, 0, 11], vec![0; 8]].concat()] {
            let entry = |name: &str, value| (ciborium::Value::Text(name.into()), value);
            let (none, text) = (ciborium::Value::Array(Vec::new()), ciborium::Value::Text(String::new()));
            let parts = ciborium::Value::Map(vec![
                entry("keys", none),
                entry("text", text),
                entry("bytes", ciborium::Value::Bytes(Vec::new())),
                entry("nodes", ciborium::Value::Bytes(nodes)),
            ]);
            assert!(parts.deserialized::<Parts>().is_err());
        }
    }
}
