//! What libvirt says of one domain: identity and state (`virDomainState` and its reasons).

use virt_sys as sys;

/// One row of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainInfo {
    /// The domain's uuid as libvirt prints it: lower case, with dashes.
    pub uuid: String,
    /// The domain's name.
    pub name: String,
    /// libvirt's number of the running domain; none when it does not run.
    pub id: Option<u32>,
    /// The state with its reason.
    pub state: DomainState,
}

/// A domain's state, with the reason where one matters to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainState {
    /// The driver does not say.
    NoState,
    /// CPUs run.
    Running,
    /// Waits for a resource; only Xen says so.
    Blocked,
    /// CPUs stand.
    Paused(PausedReason),
    /// The guest is shutting down.
    ShuttingDown,
    /// Not running.
    Shutoff(ShutoffReason),
    /// The guest crashed and is kept.
    Crashed,
    /// The guest suspended itself.
    PmSuspended,
    /// A state newer than this program.
    Unknown(i32),
}

impl DomainState {
    /// From libvirt's numbers.
    pub(crate) fn from_raw(state: i32, reason: i32) -> DomainState {
        match u32::try_from(state) {
            Ok(sys::VIR_DOMAIN_NOSTATE) => DomainState::NoState,
            Ok(sys::VIR_DOMAIN_RUNNING) => DomainState::Running,
            Ok(sys::VIR_DOMAIN_BLOCKED) => DomainState::Blocked,
            Ok(sys::VIR_DOMAIN_PAUSED) => DomainState::Paused(PausedReason::from_raw(reason)),
            Ok(sys::VIR_DOMAIN_SHUTDOWN) => DomainState::ShuttingDown,
            Ok(sys::VIR_DOMAIN_SHUTOFF) => DomainState::Shutoff(ShutoffReason::from_raw(reason)),
            Ok(sys::VIR_DOMAIN_CRASHED) => DomainState::Crashed,
            Ok(sys::VIR_DOMAIN_PMSUSPENDED) => DomainState::PmSuspended,
            _ => DomainState::Unknown(state),
        }
    }

    /// Whether a QEMU process stands behind it.
    pub fn is_active(self) -> bool {
        !matches!(self, DomainState::Shutoff(_) | DomainState::NoState)
    }
}

/// Enums whose variants are libvirt's numbers, with one for what this program does not know.
macro_rules! reasons {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $raw:path,)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$inner])* $variant,)*
            /// A number newer than this program.
            Other(i32),
        }

        impl $name {
            pub(crate) fn from_raw(raw: i32) -> $name {
                match u32::try_from(raw) {
                    $(Ok($raw) => $name::$variant,)*
                    _ => $name::Other(raw),
                }
            }
        }
    };
}
pub(crate) use reasons;

reasons! {
    /// Why a domain's CPUs stand (`virDomainPausedReason`).
    PausedReason {
        /// Not said.
        Unknown = sys::VIR_DOMAIN_PAUSED_UNKNOWN,
        /// By a call.
        User = sys::VIR_DOMAIN_PAUSED_USER,
        /// For a migration.
        Migration = sys::VIR_DOMAIN_PAUSED_MIGRATION,
        /// For a save to a file.
        Save = sys::VIR_DOMAIN_PAUSED_SAVE,
        /// For a memory dump.
        Dump = sys::VIR_DOMAIN_PAUSED_DUMP,
        /// By an I/O error.
        IoError = sys::VIR_DOMAIN_PAUSED_IOERROR,
        /// By the watchdog.
        Watchdog = sys::VIR_DOMAIN_PAUSED_WATCHDOG,
        /// As the snapshot it was restored from.
        FromSnapshot = sys::VIR_DOMAIN_PAUSED_FROM_SNAPSHOT,
        /// While shutting down.
        ShuttingDown = sys::VIR_DOMAIN_PAUSED_SHUTTING_DOWN,
        /// For a snapshot.
        Snapshot = sys::VIR_DOMAIN_PAUSED_SNAPSHOT,
        /// The guest crashed.
        Crashed = sys::VIR_DOMAIN_PAUSED_CRASHED,
        /// While starting.
        StartingUp = sys::VIR_DOMAIN_PAUSED_STARTING_UP,
        /// For the post-copy phase of a migration.
        Postcopy = sys::VIR_DOMAIN_PAUSED_POSTCOPY,
        /// By a broken post-copy migration.
        PostcopyFailed = sys::VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
        /// libvirt could not resume it after a call of its own.
        ApiError = sys::VIR_DOMAIN_PAUSED_API_ERROR,
    }
}

reasons! {
    /// Why a domain does not run (`virDomainShutoffReason`).
    ShutoffReason {
        /// Not said.
        Unknown = sys::VIR_DOMAIN_SHUTOFF_UNKNOWN,
        /// The guest shut down.
        Shutdown = sys::VIR_DOMAIN_SHUTOFF_SHUTDOWN,
        /// By a call.
        Destroyed = sys::VIR_DOMAIN_SHUTOFF_DESTROYED,
        /// QEMU died.
        Crashed = sys::VIR_DOMAIN_SHUTOFF_CRASHED,
        /// It runs elsewhere.
        Migrated = sys::VIR_DOMAIN_SHUTOFF_MIGRATED,
        /// It was saved to a file.
        Saved = sys::VIR_DOMAIN_SHUTOFF_SAVED,
        /// It could not start.
        Failed = sys::VIR_DOMAIN_SHUTOFF_FAILED,
        /// As the snapshot it was reverted to.
        FromSnapshot = sys::VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT,
        /// libvirt found it gone when it started.
        Daemon = sys::VIR_DOMAIN_SHUTOFF_DAEMON,
    }
}

/// How a domain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartMode {
    /// CPUs run at once.
    Running,
    /// CPUs stand until resume. The test driver has no such mode and refuses it.
    Paused,
}

/// What came of killing a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// The signal is on its way; libvirt notices the end by itself and says so as an event.
    Sent,
    /// There is no such process, or it does not carry the domain's uuid.
    NotItsProcess,
}
