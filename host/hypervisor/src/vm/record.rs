//! What is written down of machines, and its one owner.
//!
//! [`Vms`] holds every [`VmRecord`] in memory and in the store. A change is made under the machine's lock, written first and shown
//! after that, so whatever was seen survives kill -9. Readers take a [`View`]: all machines at one instant, for one atomic load.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use vdsm_core::clock::Millis;
use vdsm_core::jobs::JobId;
use vdsm_core::store::{Store, StoreError, Table, WriteTransaction};
use vdsm_core::tree::Tree;

use super::listed;
use super::state::{Input, Machine, reduce};
use crate::process::Process;

/// Records by machine id.
pub const VMS: Table<VmRecord> = Table::new("vms", 1);

/// Locks that machines share by hash: enough that two rarely meet, and none to forget.
const LOCKS: usize = 64;

/// What is written down of one machine. Fields are added with a serde default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmRecord {
    /// VDSM's `vmId`, which is the domain's uuid.
    pub id: String,
    /// The domain's name.
    pub name: String,
    /// The job that registered it; none: it was found running.
    pub job: Option<JobId>,
    /// Its configuration without what the host adds when it is listed.
    pub conf: Arc<Tree>,
    /// What it is doing.
    pub machine: Machine,
    /// The boot of the host it was written down under.
    pub boot_id: String,
    /// The libvirt it runs under.
    pub uri: String,
    /// Its QEMU; none before the start, and where the driver has no process.
    pub process: Option<Process>,
    /// The domain document last read from libvirt.
    pub document: Option<Arc<str>>,
    /// Hash of the devices in that document; `0` before the start.
    pub hash: String,
    /// What its balloon was last asked for, KiB.
    #[serde(default)]
    pub balloon_target_kib: Option<u64>,
}

/// Where and when machines are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// This boot of the host.
    pub boot_id: String,
    /// The libvirt of this root.
    pub uri: String,
}

impl VmRecord {
    /// A machine that is to be started.
    pub fn registered(id: &str, job: &JobId, conf: Tree, place: &Place) -> VmRecord {
        VmRecord { job: Some(job.clone()), ..VmRecord::found(id, conf, Machine::registered(), place) }
    }

    /// A machine found running under our mark that nothing is written down of.
    pub fn found(id: &str, conf: Tree, machine: Machine, place: &Place) -> VmRecord {
        let name = conf.root().get("vmName").and_then(|name| name.as_text()).map_or_else(|| format!("n{id}"), str::to_owned);
        VmRecord {
            id: id.to_owned(),
            name,
            job: None,
            conf: Arc::new(conf),
            machine,
            boot_id: place.boot_id.clone(),
            uri: place.uri.clone(),
            process: None,
            document: None,
            hash: "0".to_owned(),
            balloon_target_kib: None,
        }
    }

    /// Writes a new record in the transaction of its round; one of that id must not be there.
    pub fn write_new(&self, transaction: &mut WriteTransaction<'_>) -> Result<(), StoreError> {
        if transaction.get(VMS, &self.id)?.is_some() {
            return Err(StoreError::Refused(format!("virtual machine {} already exists", self.id)));
        }
        transaction.put(VMS, &self.id, self)
    }
}

/// One machine at an instant.
#[derive(Debug)]
pub struct VmView {
    /// The record.
    pub record: VmRecord,
    /// Another number after each change, unique in this process.
    pub version: u64,
    listed: OnceLock<Arc<Tree>>,
}

impl VmView {
    fn new(record: VmRecord) -> Arc<VmView> {
        static VERSION: AtomicU64 = AtomicU64::new(1);
        Arc::new(VmView { record, version: VERSION.fetch_add(1, Ordering::Relaxed), listed: OnceLock::new() })
    }

    /// The configuration as full `list` shows it; made once a version.
    pub fn listed(&self) -> &Arc<Tree> {
        self.listed.get_or_init(|| Arc::new(listed::configuration(&self.record)))
    }
}

/// All machines at an instant, by id.
pub type View = BTreeMap<String, Arc<VmView>>;

/// The owner of all records.
pub struct Vms {
    store: Store,
    locks: Vec<Mutex<()>>,
    view: ArcSwap<View>,
}

impl Vms {
    /// Takes over what the store holds.
    pub fn load(store: Store) -> Result<Vms, StoreError> {
        let view = store.all(VMS)?.into_iter().map(|(id, record)| (id, VmView::new(record))).collect::<View>();
        Ok(Vms { store, locks: std::iter::repeat_with(Mutex::default).take(LOCKS).collect(), view: ArcSwap::from_pointee(view) })
    }

    /// All machines now.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// One machine now.
    pub fn get(&self, id: &str) -> Option<Arc<VmView>> {
        self.view.load().get(id).cloned()
    }

    /// The machine of a domain: libvirt writes uuids in lower case, managers may not.
    pub fn of_domain(&self, uuid: &str) -> Option<Arc<VmView>> {
        let view = self.view.load();
        view.get(uuid).or_else(|| view.values().find(|vm| vm.record.id.eq_ignore_ascii_case(uuid))).cloned()
    }

    /// Changes one record: written first, shown after that. None: there is no such machine.
    pub async fn change<T>(&self, id: &str, change: impl FnOnce(&mut VmRecord) -> T) -> Result<Option<T>, StoreError> {
        let _one = self.lock(id).await;
        let Some(before) = self.get(id) else { return Ok(None) };
        let mut record = before.record.clone();
        let result = change(&mut record);
        if record != before.record {
            let (from, to) = (before.record.machine.state(), record.machine.state());
            self.store.put(VMS, id, record.clone()).await?;
            self.show(record);
            if from != to {
                tracing::info!(vm = id, from = from.name(), to = to.name(), "state");
            }
        }
        Ok(Some(result))
    }

    /// Feeds the reducer. False: there is no such machine.
    pub async fn apply(&self, id: &str, input: &Input, now: Millis) -> Result<bool, StoreError> {
        let fed = self.change(id, |record| record.machine = reduce(&record.machine, input, now)).await?;
        Ok(fed.is_some())
    }

    /// Writes down a machine that was found. Nothing when one of that id is there already.
    pub async fn adopt(&self, record: VmRecord) -> Result<(), StoreError> {
        let _one = self.lock(&record.id).await;
        if self.get(&record.id).is_none() {
            self.store.put(VMS, &record.id, record.clone()).await?;
            self.show(record);
        }
        Ok(())
    }

    /// Shows what the commit of a round wrote. None: it wrote no machine of that id.
    pub async fn take_in(&self, id: &str) -> Result<Option<Arc<VmView>>, StoreError> {
        let _one = self.lock(id).await;
        if self.get(id).is_none()
            && let Some(record) = self.store.get(VMS, id)?
        {
            self.show(record);
        }
        Ok(self.get(id))
    }

    /// Forgets a machine where `which` holds of its record; it need not be there.
    pub async fn remove(&self, id: &str, which: impl Fn(&VmRecord) -> bool) -> Result<(), StoreError> {
        let _one = self.lock(id).await;
        // The store may hold one that was never shown: its round was written, and its step not carried out.
        if self.store.get(VMS, id)?.is_some_and(|record| which(&record)) {
            let key = id.to_owned();
            self.store.write(move |transaction| transaction.remove(VMS, &key)).await?;
            self.view.rcu(|view| {
                let mut view = View::clone(view);
                view.remove(id);
                view
            });
        }
        Ok(())
    }

    async fn lock(&self, id: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let slot = usize::try_from(hasher.finish()).unwrap_or(0) % LOCKS;
        match self.locks.get(slot) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }

    fn show(&self, record: VmRecord) {
        let shown = VmView::new(record);
        self.view.rcu(|view| {
            let mut view = View::clone(view);
            view.insert(shown.record.id.clone(), shown.clone());
            view
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
pub(crate) mod tests {
    //! Rung: pure.
    use super::*;
    use crate::vm::state::{Cpus, State};

    /// A record as `create` writes it.
    pub(crate) fn record(id: &str) -> VmRecord {
        let conf = Tree::object(|conf| {
            conf.text_at("vmId", id).text_at("vmName", "web01").int_at("memSize", 64).text_at("display", "vnc");
            conf.array_at("devices", |_| {});
        });
        let place = Place { boot_id: "this-boot".into(), uri: "test:///default".into() };
        VmRecord::registered(id, &JobId("job".into()), conf, &place)
    }

    #[tokio::test]
    async fn a_change_is_in_the_store_and_in_the_next_view_and_not_in_an_older_one() {
        let store = Store::in_memory().unwrap();
        let vms = Vms::load(store.clone()).unwrap();
        vms.adopt(record("a")).await.unwrap();
        let before = vms.view();
        assert!(vms.apply("a", &Input::Seen(Cpus::Running), 1).await.unwrap());
        assert_eq!(before["a"].record.machine.state(), State::WaitForLaunch);
        assert_eq!(vms.get("a").unwrap().record.machine.state(), State::Up);
        assert_ne!(vms.get("a").unwrap().version, before["a"].version);
        assert_eq!(Vms::load(store).unwrap().get("a").unwrap().record, vms.get("a").unwrap().record);
    }

    #[tokio::test]
    async fn a_change_that_changes_nothing_keeps_the_version() {
        let vms = Vms::load(Store::in_memory().unwrap()).unwrap();
        vms.adopt(record("a")).await.unwrap();
        let version = vms.get("a").unwrap().version;
        vms.apply("a", &Input::ClientGone, 1).await.unwrap();
        assert_eq!(vms.get("a").unwrap().version, version);
        assert!(!vms.apply("b", &Input::ClientGone, 1).await.unwrap());
    }

    #[tokio::test]
    async fn a_record_is_written_once_and_shown_when_its_step_is_carried_out() {
        let store = Store::in_memory().unwrap();
        let vms = Vms::load(store.clone()).unwrap();
        let write = || store.write(|transaction| record("a").write_new(transaction));
        write().await.unwrap();
        assert!(vms.get("a").is_none());
        assert!(vms.take_in("a").await.unwrap().is_some());
        assert!(write().await.unwrap_err().to_string().contains("already exists"));
        vms.remove("a", |record| record.job.is_none()).await.unwrap();
        assert!(vms.get("a").is_some());
        vms.remove("a", |_| true).await.unwrap();
        assert!(vms.get("a").is_none() && store.get(VMS, "a").unwrap().is_none());
    }
}
