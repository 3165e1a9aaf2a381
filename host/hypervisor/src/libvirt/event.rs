//! What happens in libvirt without being asked for, typed.
//!
//! Numbers are libvirt's (`libvirt-domain.h`, `libvirt-event.h`). Only what VDSM acts upon is subscribed to.

use virt_sys as sys;

use super::domain::reasons;

/// One event. Uuids are as libvirt prints them: lower case, with dashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A domain began, stood, went on or ended.
    Lifecycle {
        /// The domain.
        uuid: String,
        /// What happened.
        event: Lifecycle,
    },
    /// The guest reset itself.
    Reboot {
        /// The domain.
        uuid: String,
    },
    /// The guest set its clock.
    RtcChange {
        /// The domain.
        uuid: String,
        /// Seconds from UTC.
        offset: i64,
    },
    /// A disk request failed.
    IoError {
        /// The domain.
        uuid: String,
        /// The device's alias.
        alias: String,
        /// The image's path.
        path: String,
        /// What QEMU did about it.
        action: IoErrorAction,
        /// libvirt's word: `enospc`, or others; may be empty.
        reason: String,
    },
    /// A display client came or went.
    Graphics {
        /// The domain.
        uuid: String,
        /// What it did.
        phase: GraphicsPhase,
        /// The client's address, as text; may be empty.
        client: String,
    },
    /// A block job changed.
    BlockJob {
        /// The domain.
        uuid: String,
        /// The disk's target name, such as `vda`.
        disk: String,
        /// What kind of job.
        kind: BlockJobKind,
        /// How it stands.
        status: BlockJobStatus,
    },
    /// The guest's watchdog fired.
    Watchdog {
        /// The domain.
        uuid: String,
        /// What QEMU did about it.
        action: WatchdogAction,
    },
    /// The guest's memory size changed.
    BalloonChange {
        /// The domain.
        uuid: String,
        /// The size now, KiB.
        kib: u64,
    },
    /// A device is there.
    DeviceAdded {
        /// The domain.
        uuid: String,
        /// The device's alias.
        alias: String,
    },
    /// A device is gone.
    DeviceRemoved {
        /// The domain.
        uuid: String,
        /// The device's alias.
        alias: String,
    },
    /// The connection is up and events are subscribed to: all that was known is to be looked at again.
    Connected {
        /// Counts connections of this process, from 1.
        epoch: u64,
    },
    /// The connection is gone; nothing is known of the domains until the next `Connected`.
    Disconnected {
        /// What libvirt said, or how it was noticed.
        reason: String,
    },
    /// Events were dropped because the receiver was behind: all that was known is to be looked at again.
    Lost,
}

impl Event {
    /// The domain it is about; none for the connection's own.
    pub fn uuid(&self) -> Option<&str> {
        match self {
            Event::Lifecycle { uuid, .. }
            | Event::Reboot { uuid }
            | Event::RtcChange { uuid, .. }
            | Event::IoError { uuid, .. }
            | Event::Graphics { uuid, .. }
            | Event::BlockJob { uuid, .. }
            | Event::Watchdog { uuid, .. }
            | Event::BalloonChange { uuid, .. }
            | Event::DeviceAdded { uuid, .. }
            | Event::DeviceRemoved { uuid, .. } => Some(uuid),
            Event::Connected { .. } | Event::Disconnected { .. } | Event::Lost => None,
        }
    }
}

/// `virDomainEventType` with its detail where VDSM looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Made persistent or redefined.
    Defined,
    /// No longer persistent.
    Undefined,
    /// A process began.
    Started(Started),
    /// CPUs stand.
    Suspended(Suspended),
    /// CPUs run again.
    Resumed(Resumed),
    /// The process ended.
    Stopped(Stopped),
    /// The guest has shut down; the process still runs.
    Shutdown(Shutdown),
    /// The guest suspended itself.
    PmSuspended,
    /// The guest crashed.
    Crashed,
    /// An event newer than this program.
    Other {
        /// `virDomainEventType`.
        event: i32,
        /// Its detail.
        detail: i32,
    },
}

impl Lifecycle {
    pub(crate) fn from_raw(event: i32, detail: i32) -> Lifecycle {
        match u32::try_from(event) {
            Ok(sys::VIR_DOMAIN_EVENT_DEFINED) => Lifecycle::Defined,
            Ok(sys::VIR_DOMAIN_EVENT_UNDEFINED) => Lifecycle::Undefined,
            Ok(sys::VIR_DOMAIN_EVENT_STARTED) => Lifecycle::Started(Started::from_raw(detail)),
            Ok(sys::VIR_DOMAIN_EVENT_SUSPENDED) => Lifecycle::Suspended(Suspended::from_raw(detail)),
            Ok(sys::VIR_DOMAIN_EVENT_RESUMED) => Lifecycle::Resumed(Resumed::from_raw(detail)),
            Ok(sys::VIR_DOMAIN_EVENT_STOPPED) => Lifecycle::Stopped(Stopped::from_raw(detail)),
            Ok(sys::VIR_DOMAIN_EVENT_SHUTDOWN) => Lifecycle::Shutdown(Shutdown::from_raw(detail)),
            Ok(sys::VIR_DOMAIN_EVENT_PMSUSPENDED) => Lifecycle::PmSuspended,
            Ok(sys::VIR_DOMAIN_EVENT_CRASHED) => Lifecycle::Crashed,
            _ => Lifecycle::Other { event, detail },
        }
    }
}

reasons! {
    /// How a process began.
    Started {
        /// A fresh boot.
        Booted = sys::VIR_DOMAIN_EVENT_STARTED_BOOTED,
        /// As the target of a migration.
        Migrated = sys::VIR_DOMAIN_EVENT_STARTED_MIGRATED,
        /// From a saved state.
        Restored = sys::VIR_DOMAIN_EVENT_STARTED_RESTORED,
        /// From a snapshot.
        FromSnapshot = sys::VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT,
        /// The guest woke up.
        Wakeup = sys::VIR_DOMAIN_EVENT_STARTED_WAKEUP,
    }
}

reasons! {
    /// Why CPUs stand.
    Suspended {
        /// By a call.
        Paused = sys::VIR_DOMAIN_EVENT_SUSPENDED_PAUSED,
        /// For a migration.
        Migrated = sys::VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED,
        /// By an I/O error.
        IoError = sys::VIR_DOMAIN_EVENT_SUSPENDED_IOERROR,
        /// By the watchdog.
        Watchdog = sys::VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG,
        /// As the state it was restored from.
        Restored = sys::VIR_DOMAIN_EVENT_SUSPENDED_RESTORED,
        /// As the snapshot it was reverted to.
        FromSnapshot = sys::VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT,
        /// libvirt could not resume it after a call of its own.
        ApiError = sys::VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR,
        /// For the post-copy phase of a migration.
        Postcopy = sys::VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY,
        /// By a broken post-copy migration.
        PostcopyFailed = sys::VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED,
    }
}

reasons! {
    /// Why CPUs run again.
    Resumed {
        /// By a call.
        Unpaused = sys::VIR_DOMAIN_EVENT_RESUMED_UNPAUSED,
        /// As the target of a migration.
        Migrated = sys::VIR_DOMAIN_EVENT_RESUMED_MIGRATED,
        /// As the snapshot it was reverted to.
        FromSnapshot = sys::VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT,
        /// In the post-copy phase of a migration.
        Postcopy = sys::VIR_DOMAIN_EVENT_RESUMED_POSTCOPY,
        /// Though the post-copy migration broke.
        PostcopyFailed = sys::VIR_DOMAIN_EVENT_RESUMED_POSTCOPY_FAILED,
    }
}

reasons! {
    /// Why a process ended.
    Stopped {
        /// The guest shut down.
        Shutdown = sys::VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN,
        /// By a call.
        Destroyed = sys::VIR_DOMAIN_EVENT_STOPPED_DESTROYED,
        /// The guest crashed.
        Crashed = sys::VIR_DOMAIN_EVENT_STOPPED_CRASHED,
        /// It runs elsewhere.
        Migrated = sys::VIR_DOMAIN_EVENT_STOPPED_MIGRATED,
        /// It was saved to a file.
        Saved = sys::VIR_DOMAIN_EVENT_STOPPED_SAVED,
        /// QEMU died or could not start.
        Failed = sys::VIR_DOMAIN_EVENT_STOPPED_FAILED,
        /// As the snapshot it was reverted to.
        FromSnapshot = sys::VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT,
    }
}

reasons! {
    /// Who asked a guest to shut down.
    Shutdown {
        /// Not said.
        Finished = sys::VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED,
        /// The guest itself.
        Guest = sys::VIR_DOMAIN_EVENT_SHUTDOWN_GUEST,
        /// The host.
        Host = sys::VIR_DOMAIN_EVENT_SHUTDOWN_HOST,
    }
}

reasons! {
    /// What QEMU did about a failed disk request.
    IoErrorAction {
        /// The guest was not told.
        Ignored = sys::VIR_DOMAIN_EVENT_IO_ERROR_NONE,
        /// CPUs stand.
        Pause = sys::VIR_DOMAIN_EVENT_IO_ERROR_PAUSE,
        /// The guest was told.
        Report = sys::VIR_DOMAIN_EVENT_IO_ERROR_REPORT,
    }
}

reasons! {
    /// What a display client did.
    GraphicsPhase {
        /// The socket is connected.
        Connect = sys::VIR_DOMAIN_EVENT_GRAPHICS_CONNECT,
        /// It is let in.
        Initialize = sys::VIR_DOMAIN_EVENT_GRAPHICS_INITIALIZE,
        /// It is gone.
        Disconnect = sys::VIR_DOMAIN_EVENT_GRAPHICS_DISCONNECT,
    }
}

reasons! {
    /// The kind of a block job.
    BlockJobKind {
        /// Not said.
        Unknown = sys::VIR_DOMAIN_BLOCK_JOB_TYPE_UNKNOWN,
        /// The chain's data into the active image.
        Pull = sys::VIR_DOMAIN_BLOCK_JOB_TYPE_PULL,
        /// A mirror elsewhere.
        Copy = sys::VIR_DOMAIN_BLOCK_JOB_TYPE_COPY,
        /// An image's data into one below it.
        Commit = sys::VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT,
        /// The active image's data into one below it.
        ActiveCommit = sys::VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT,
        /// A backup.
        Backup = sys::VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP,
    }
}

reasons! {
    /// How a block job stands.
    BlockJobStatus {
        /// Done.
        Completed = sys::VIR_DOMAIN_BLOCK_JOB_COMPLETED,
        /// Failed.
        Failed = sys::VIR_DOMAIN_BLOCK_JOB_FAILED,
        /// Taken back.
        Canceled = sys::VIR_DOMAIN_BLOCK_JOB_CANCELED,
        /// In step, waiting for the switch.
        Ready = sys::VIR_DOMAIN_BLOCK_JOB_READY,
    }
}

reasons! {
    /// What QEMU did about a fired watchdog.
    WatchdogAction {
        /// Nothing.
        Ignored = sys::VIR_DOMAIN_EVENT_WATCHDOG_NONE,
        /// CPUs stand.
        Pause = sys::VIR_DOMAIN_EVENT_WATCHDOG_PAUSE,
        /// Reset.
        Reset = sys::VIR_DOMAIN_EVENT_WATCHDOG_RESET,
        /// Powered off.
        PowerOff = sys::VIR_DOMAIN_EVENT_WATCHDOG_POWEROFF,
        /// Asked to shut down.
        Shutdown = sys::VIR_DOMAIN_EVENT_WATCHDOG_SHUTDOWN,
        /// A line in QEMU's log.
        Debug = sys::VIR_DOMAIN_EVENT_WATCHDOG_DEBUG,
        /// A non-maskable interrupt.
        InjectNmi = sys::VIR_DOMAIN_EVENT_WATCHDOG_INJECTNMI,
    }
}
