//! Rung: pure.
