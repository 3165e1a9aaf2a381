//! The calls of [`Libvirt`]: each in its lane, with its deadline.

use std::sync::Arc;
use std::time::Duration;

use virt::domain::Domain;
use virt_sys as sys;

use super::connection::{Connection, check_text};
use super::domain::{DomainInfo, DomainState, Killed, StartMode};
use super::error::CallError;
use super::ffi::Control;
use super::lanes::Lane;
use super::samples::SampleSource;
use super::stats::{DomainStats, StatsGroups};
use super::{Libvirt, cpu_models, ffi, machines, pid};

/// The pause between two listings that are compared.
const SETTLING: Duration = Duration::from_millis(300);
/// A monitor without an answer for so long belongs to a QEMU that stands still.
const STANDS_STILL: Duration = Duration::from_secs(2);
/// How long a QEMU may take to answer a question that costs it nothing; longer than [`STANDS_STILL`], so that a destroy after it knows.
const PING: Duration = Duration::from_secs(3);
/// Domains whose own statistics may be stuck at once; more would leave no threads for the verbs.
const STUCK_PROBES: usize = 16;

impl Libvirt {
    /// Every domain libvirt knows, running or not. Never a part of them: an empty list means that there are none.
    pub async fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        self.on_host("list domains", self.deadlines().read, list_domains).await
    }

    /// As [`Libvirt::domains`], once two listings agree and no domain's monitor is held, or when `limit` has passed.
    ///
    /// Right after an embedded or restarted libvirt is there, it still takes up its running domains again, and calls on them may
    /// answer that they do not exist.
    pub async fn settled_domains(&self, limit: Duration) -> Result<Vec<DomainInfo>, CallError> {
        let until = tokio::time::Instant::now() + limit;
        let mut before = None;
        loop {
            let (domains, free) = self.on_host("list domains", self.deadlines().read, list_with_control).await?;
            if (free && before.as_ref() == Some(&domains)) || tokio::time::Instant::now() >= until {
                return Ok(domains);
            }
            before = Some(domains);
            tokio::time::sleep(SETTLING).await;
        }
    }

    /// Starts the transient domain that `xml` describes; `uuid` is the one written in it.
    pub async fn create(&self, uuid: &str, xml: String, mode: StartMode) -> Result<DomainInfo, CallError> {
        check_text("domain XML", &xml)?;
        let flags = match mode {
            StartMode::Running => sys::VIR_DOMAIN_NONE,
            StartMode::Paused => sys::VIR_DOMAIN_START_PAUSED,
        };
        self.in_lane(Lane::Domain(subject(uuid)), "create", self.deadlines().create, move |connection| {
            let domain = Domain::create_xml(connection.connect(), &xml, flags)?;
            info(&domain)
        })
        .await
    }

    /// The domain's live document, without passwords.
    pub async fn xml(&self, uuid: &str) -> Result<String, CallError> {
        self.read(uuid, "read XML", |domain| Ok(domain.get_xml_desc(0)?)).await
    }

    /// The domain's state.
    pub async fn state(&self, uuid: &str) -> Result<DomainState, CallError> {
        self.read(uuid, "read state", state).await
    }

    /// Asks the domain's QEMU something that costs it nothing. [`CallError::Deadline`] or [`CallError::Busy`] when it gives no answer
    /// within three seconds, or another question of the domain has waited too long for its own.
    pub async fn ping(&self, uuid: &str) -> Result<(), CallError> {
        let ask = |domain: &Domain| Ok(ffi::stats_of(std::slice::from_ref(domain), StatsGroups::DIRTY_RATE).map(drop)?);
        self.on_domain(Lane::Domain(subject(uuid)), "ping", PING, ask).await
    }

    /// Stops the domain's CPUs.
    pub async fn suspend(&self, uuid: &str) -> Result<(), CallError> {
        self.change(uuid, "suspend", |domain| Ok(domain.suspend().map(drop)?)).await
    }

    /// Lets the domain's CPUs run again.
    pub async fn resume(&self, uuid: &str) -> Result<(), CallError> {
        self.change(uuid, "resume", |domain| Ok(domain.resume().map(drop)?)).await
    }

    /// Presses the ACPI power button; the guest may do as it likes.
    pub async fn press_power_button(&self, uuid: &str) -> Result<(), CallError> {
        self.change(uuid, "power button", |domain| Ok(domain.shutdown_flags(sys::VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN).map(drop)?)).await
    }

    /// Ends the domain, giving QEMU time to flush. When it does not end, libvirt answers `operation failed`, its own time-out or, after
    /// the deadline, nothing: the caller escalates on any of them. [`CallError::NoDomain`] is an end as good as `Ok`.
    ///
    /// A QEMU that stands still holds this up for 15 seconds, and meanwhile every other call on the domain and every listing of all:
    /// one that does not answer [`Libvirt::ping`] is better ended with [`Libvirt::destroy`].
    pub async fn destroy_gracefully(&self, uuid: &str) -> Result<(), CallError> {
        let destroy = |domain: &Domain| Ok(domain.destroy_flags(sys::VIR_DOMAIN_DESTROY_GRACEFUL).map(drop)?);
        self.on_domain(Lane::Urgent(subject(uuid)), "destroy gracefully", self.deadlines().destroy_gracefully, destroy).await
    }

    /// Ends the domain by force: libvirt asks QEMU for ten seconds, then kills it; one whose monitor has given no answer for a while is
    /// killed at once. [`CallError::NoDomain`] is an end as good as `Ok`: an earlier destroy may have got there first.
    pub async fn destroy(&self, uuid: &str) -> Result<(), CallError> {
        let (run, wanted) = (pid::run_directory(self.uri()), uuid.to_owned());
        self.on_domain(Lane::Urgent(subject(uuid)), "destroy", self.deadlines().destroy, move |domain| {
            if stands_still(domain)
                && let Some(process) = pid::find(run.as_deref(), &domain.get_name()?, &wanted)
                && pid::kill(process, &wanted) == Killed::Sent
            {
                tracing::warn!(vm = wanted, process, "its monitor gives no answer; killed");
            }
            Ok(domain.destroy()?)
        })
        .await
    }

    /// Kills the domain's QEMU process `pid` without libvirt, for one that stands still and that libvirt therefore does not end in time.
    /// It is checked to be the domain's.
    pub async fn kill(&self, uuid: &str, pid: u32) -> Result<Killed, CallError> {
        let wanted = uuid.to_owned();
        // Not the lane in which libvirt's destroy hangs: this is the way out of it.
        let lane = Lane::Urgent(Arc::from(format!("process of {uuid}")));
        self.lanes().run(lane, "kill", self.deadlines().read, move || Ok(pid::kill(pid, &wanted))).await
    }

    /// Sets the running domain's memory, KiB.
    pub async fn set_memory(&self, uuid: &str, kib: u64) -> Result<(), CallError> {
        self.change(uuid, "set memory", move |domain| Ok(domain.set_memory_flags(kib, sys::VIR_DOMAIN_AFFECT_LIVE).map(drop)?)).await
    }

    /// Sets the running domain's share of CPU time against others; 1024 is the kernel's usual one.
    pub async fn set_cpu_shares(&self, uuid: &str, shares: u64) -> Result<(), CallError> {
        self.change(uuid, "set CPU shares", move |domain| Ok(ffi::set_cpu_shares(domain, shares)?)).await
    }

    /// The QEMU process of the domain; none where it cannot be told for certain.
    pub async fn pid(&self, uuid: &str) -> Result<Option<u32>, CallError> {
        let (run, wanted) = (pid::run_directory(self.uri()), uuid.to_owned());
        self.read(uuid, "read pid", move |domain| Ok(pid::find(run.as_deref(), &domain.get_name()?, &wanted))).await
    }

    /// The host's capabilities document.
    pub async fn capabilities(&self) -> Result<String, CallError> {
        self.on_host("read capabilities", self.deadlines().change, |connection| Ok(connection.connect().get_capabilities()?)).await
    }

    /// The x86_64 machine types a guest can have on this host, in libvirt's order.
    pub async fn machine_types(&self) -> Result<Vec<String>, CallError> {
        let capabilities = self.capabilities().await?;
        machines::machine_types(&capabilities).map_err(|error| CallError::Argument(format!("capabilities document: {error}")))
    }

    /// The x86_64 CPU models a guest can have on this host, in libvirt's order; asked once a connection.
    pub async fn cpu_models(&self) -> Result<Arc<[String]>, CallError> {
        let mut cache = self.cpu_model_cache().lock().await;
        let connection = self.connection()?;
        if let Some((epoch, models)) = cache.as_ref()
            && *epoch == connection.epoch
        {
            return Ok(Arc::clone(models));
        }
        let models: Arc<[String]> = self.on_host("compare CPU models", self.deadlines().change, cpu_models::usable).await?.into();
        *cache = Some((connection.epoch, Arc::clone(&models)));
        Ok(models)
    }

    /// Statistics of the running domains, or of those of `uuids` that run, by uuid.
    pub async fn bulk_stats(&self, groups: StatsGroups, uuids: Option<Vec<String>>) -> Result<Vec<(String, DomainStats)>, CallError> {
        self.on_host("bulk statistics", self.deadlines().read, move |connection| match uuids {
            None => Ok(ffi::all_stats(connection.connect(), groups)?),
            Some(uuids) => stats_where(connection, groups, |uuid| uuids.iter().any(|wanted| wanted == uuid)),
        })
        .await
    }

    /// The first CPU statistics of a libvirt that has just begun wait while it asks every QEMU program on the host what it can do.
    /// That is a matter of seconds and no VM's fault, so it is had before.
    async fn warm_up(&self) -> Result<(), CallError> {
        let mut warm = self.warm_epoch().lock().await;
        let epoch = self.connection()?.epoch;
        if *warm != epoch {
            self.capabilities().await?;
            *warm = epoch;
        }
        Ok(())
    }

    /// A read of one domain in its lane.
    async fn read<T, F>(&self, uuid: &str, label: &'static str, call: F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: FnOnce(&Domain) -> Result<T, CallError> + Send + 'static,
    {
        self.on_domain(Lane::Domain(subject(uuid)), label, self.deadlines().read, call).await
    }

    /// A change of one domain in its lane.
    async fn change<F>(&self, uuid: &str, label: &'static str, call: F) -> Result<(), CallError>
    where
        F: FnOnce(&Domain) -> Result<(), CallError> + Send + 'static,
    {
        self.on_domain(Lane::Domain(subject(uuid)), label, self.deadlines().change, call).await
    }

    async fn on_domain<T, F>(&self, lane: Lane, label: &'static str, budget: Duration, call: F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: FnOnce(&Domain) -> Result<T, CallError> + Send + 'static,
    {
        let uuid = match &lane {
            Lane::Domain(uuid) | Lane::Urgent(uuid) => Arc::clone(uuid),
            Lane::Host | Lane::Connection => return Err(CallError::NoDomain),
        };
        self.in_lane(lane, label, budget, move |connection| call(&connection.domain(&uuid)?)).await
    }

    async fn on_host<T, F>(&self, label: &'static str, budget: Duration, call: F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, CallError> + Send + 'static,
    {
        self.in_lane(Lane::Host, label, budget, call).await
    }

    async fn in_lane<T, F>(&self, lane: Lane, label: &'static str, budget: Duration, call: F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, CallError> + Send + 'static,
    {
        let connection = self.connection()?;
        self.lanes().run(lane, label, budget, move || call(&connection)).await
    }
}

#[async_trait::async_trait]
impl SampleSource for Libvirt {
    async fn bulk(&self, groups: StatsGroups, except: &[Arc<str>]) -> Result<Vec<(Arc<str>, DomainStats)>, CallError> {
        if groups != StatsGroups::STATE {
            self.warm_up().await?;
        }
        let records = if except.is_empty() {
            self.bulk_stats(groups, None).await?
        } else {
            let except = except.to_vec();
            let others = move |connection: &Connection| stats_where(connection, groups, |uuid| !except.iter().any(|out| **out == *uuid));
            self.on_host("bulk statistics", self.deadlines().read, others).await?
        };
        Ok(records.into_iter().map(|(uuid, stats)| (Arc::from(uuid), stats)).collect())
    }

    async fn one(&self, groups: StatsGroups, uuid: &Arc<str>) -> Result<DomainStats, CallError> {
        self.warm_up().await?;
        if self.lanes().domain_stats().stuck >= STUCK_PROBES {
            return Err(CallError::Busy);
        }
        self.read(uuid, "statistics", move |domain| {
            let records = ffi::stats_of(std::slice::from_ref(domain), groups)?;
            records.into_iter().next().map(|(_, stats)| stats).ok_or(CallError::NoDomain)
        })
        .await
    }
}

/// Whether a call has waited so long for QEMU's answer that asking QEMU to end would only hold libvirt up: it keeps the domain locked
/// meanwhile, and with it every listing of the host's domains.
fn stands_still(domain: &Domain) -> bool {
    matches!(ffi::control(domain), Ok(Control::Waiting(time)) if time >= STANDS_STILL)
}

/// A uuid as libvirt prints it, whatever case a manager writes: one domain is one subject.
fn subject(uuid: &str) -> Arc<str> {
    Arc::from(uuid.to_ascii_lowercase())
}

fn list_domains(connection: &Connection) -> Result<Vec<DomainInfo>, CallError> {
    Ok(list_with_control(connection)?.0)
}

/// The listing, and whether no domain's monitor is held. A domain that ends while it is looked at is left out.
fn list_with_control(connection: &Connection) -> Result<(Vec<DomainInfo>, bool), CallError> {
    let mut domains = Vec::new();
    let mut free = true;
    for domain in connection.connect().list_all_domains(0)? {
        match info(&domain) {
            Ok(info) => {
                free &= !info.state.is_active() || matches!(ffi::control(&domain), Ok(Control::Free) | Err(_));
                domains.push(info);
            }
            Err(CallError::NoDomain) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((domains, free))
}

fn info(domain: &Domain) -> Result<DomainInfo, CallError> {
    Ok(DomainInfo { uuid: domain.get_uuid_string()?, name: domain.get_name()?, id: domain.get_id(), state: state(domain)? })
}

fn state(domain: &Domain) -> Result<DomainState, CallError> {
    let (state, reason) = domain.get_state()?;
    Ok(DomainState::from_raw(i32::try_from(state).unwrap_or(-1), reason))
}

/// Statistics of the running domains whose uuid is `wanted`.
fn stats_where(
    connection: &Connection,
    groups: StatsGroups,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, DomainStats)>, CallError> {
    let running = connection.connect().list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE)?;
    let chosen: Vec<Domain> = running.into_iter().filter(|domain| domain.get_uuid_string().is_ok_and(|uuid| wanted(&uuid))).collect();
    Ok(ffi::stats_of(&chosen, groups)?)
}
