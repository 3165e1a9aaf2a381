//! What is known of the host at this moment. One thread writes it, everybody reads it without waiting.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::facts::{Facts, Places};
use crate::network::address::Addresses;
use crate::network::{Links, Reader, Visibility};
use crate::sampler::memory::{self, Memory, SamePages};
use crate::sampler::window::Rates;

/// Links and the addresses they were read with.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Links by kind and name.
    pub links: Links,
    /// All addresses, those of devices that are not reported included.
    pub addresses: Addresses,
}

/// How busy the host is.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// When the last sample was taken; none before the first.
    pub sampled: Option<Instant>,
    /// Memory, from the last sample or, before the first, from the start.
    pub memory: Memory,
    /// Sharing of equal pages, likewise.
    pub same_pages: SamePages,
    /// None before there are two samples.
    pub rates: Option<Rates>,
}

/// The board.
pub struct Board {
    places: Places,
    visibility: Visibility,
    started: Instant,
    facts: ArcSwap<Facts>,
    network: ArcSwap<Network>,
    statistics: ArcSwap<Statistics>,
}

impl Board {
    /// Reads everything once, so that the first question has an answer. Blocks for as long as that takes: milliseconds.
    pub fn new(places: Places, visibility: Visibility) -> Board {
        let statistics = statistics(&places, None, None);
        let board = Board {
            facts: ArcSwap::from_pointee(Facts::read(&places)),
            network: ArcSwap::default(),
            statistics: ArcSwap::from_pointee(statistics),
            places,
            visibility,
            started: Instant::now(),
        };
        board.read_links();
        board
    }

    /// Where it reads.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Which devices are shown.
    pub fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    /// When the daemon began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What seldom changes.
    pub fn facts(&self) -> Arc<Facts> {
        self.facts.load_full()
    }

    /// Links and addresses.
    pub fn network(&self) -> Arc<Network> {
        self.network.load_full()
    }

    /// How busy the host is.
    pub fn statistics(&self) -> Arc<Statistics> {
        self.statistics.load_full()
    }

    /// Reads again what seldom changes.
    pub fn read_facts(&self) {
        self.facts.store(Arc::new(Facts::read(&self.places)));
    }

    /// Reads links and addresses again. When the kernel does not tell the addresses, the last ones stay.
    pub fn read_links(&self) {
        let addresses = Addresses::of_kernel().unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "addresses of the host cannot be read");
            self.network.load().addresses.clone()
        });
        let links = Reader::new(&self.places.host, &addresses).links(&self.visibility);
        self.network.store(Arc::new(Network { links, addresses }));
    }

    /// Takes what the sampler found.
    pub fn sampled(&self, at: Instant, rates: Option<Rates>) {
        self.statistics.store(Arc::new(statistics(&self.places, Some(at), rates)));
    }
}

fn statistics(places: &Places, sampled: Option<Instant>, rates: Option<Rates>) -> Statistics {
    let memory = match &rates {
        Some(rates) => rates.memory,
        None => places.host.read("proc/meminfo").map(|text| memory::parse(&text)).unwrap_or_default(),
    };
    Statistics { sampled, memory, same_pages: memory::same_pages(&places.host), rates }
}
