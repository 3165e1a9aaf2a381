//! What the three programs of this package are made of: the daemon, and the clients that speak to it.
#![forbid(unsafe_code)]

pub mod daemon;
