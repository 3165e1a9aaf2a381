//! VDSM's texts that belong to no row of the error table, and the reasons a VM record gives for being Down.

/// Success of a global verb without a text of its own.
pub const DONE: &str = "Done";
/// Success of a storage verb.
pub const OK: &str = "OK";
/// Success of `destroy`.
pub const MACHINE_DESTROYED: &str = "Machine destroyed";
/// Success of `shutdown`.
pub const MACHINE_SHUT_DOWN: &str = "Machine shut down";
/// With [`super::Code::Exist`]: a guest without ACPI and without an agent cannot be shut down.
pub const SHUTDOWN_WITHOUT_ACPI: &str = "VM without ACPI or active SolidICE tools. Try Forced Shutdown.";
/// With [`super::Code::Exist`]: the shutdown request was not taken.
pub const SHUTDOWN_REFUSED: &str = "Failed to shutdown VM. Try Forced Shutdown.";
/// With [`super::Code::Recovery`], for every verb: the storage room did not start.
pub const STORAGE_NOT_STARTED: &str = "Failed to initialize storage";

/// Why a VM is Down: `exitCode` and `exitMessage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Destroyed through the API.
    Admin,
    /// The guest shut down, by itself or when asked.
    User,
    /// QEMU vanished.
    LostQemu,
    /// It runs on another host now.
    Migrated,
    /// It was hibernated.
    Saved,
    /// It could not be restored.
    WakeUp,
    /// There is no domain for it.
    NoDomain,
}

impl Exit {
    /// All of them.
    pub const ALL: [Exit; 7] = [Exit::Admin, Exit::User, Exit::LostQemu, Exit::Migrated, Exit::Saved, Exit::WakeUp, Exit::NoDomain];

    /// `exitCode`: 0 is an end that somebody wanted.
    pub const fn code(self) -> i32 {
        match self {
            Exit::Admin | Exit::User | Exit::Migrated | Exit::Saved => 0,
            Exit::LostQemu | Exit::WakeUp | Exit::NoDomain => 1,
        }
    }

    /// `exitMessage`.
    pub const fn message(self) -> &'static str {
        match self {
            Exit::Admin => "Admin shut down",
            Exit::User => "User shut down",
            Exit::LostQemu => "Lost connection with qemu process",
            Exit::Migrated => "Migration succeeded",
            Exit::Saved => "SaveState succeeded",
            Exit::WakeUp => "Wake up from hibernation failed",
            Exit::NoDomain => "failed to start libvirt vm",
        }
    }
}
