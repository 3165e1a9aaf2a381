//! Every key of vdsm.conf: section, type, default, and whether it has an effect today.
//!
//! To give a key an effect, change `NotYet` to `Now` in its row and read the field. Sources: VDSM 3.3 `lib/vdsm/config.py.in`; the
//! sections `libvirt` and `compat` are ours.

use std::net::IpAddr;

use super::value::{LibvirtUri, MachineAliases, Repository};
use super::{Mistake, Source, Warning};

/// Whether a key does anything in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Now,
    /// It is accepted, and the operator is told that it does nothing.
    NotYet,
}

/// A known key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its section.
    pub section: &'static str,
    /// Its name in the section.
    pub name: &'static str,
    /// The value where the file has none.
    pub default: &'static str,
    /// Whether it does anything.
    pub effect: Effect,
}

/// The key of that section and name.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

macro_rules! sections {
    ($($(#[$about:meta])* $section:ident: $type:ident {
        $($(#[$help:meta])* $key:ident: $value:ty = $default:literal, $effect:ident;)+
    })+) => {
        /// The configuration: a field a section, in each a field a key.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[$about])* pub $section: $type,)+
            pub(super) source: Source,
            pub(super) warnings: Vec<Warning>,
        }

        impl Config {
            pub(super) fn read(source: Source, warnings: Vec<Warning>, mistakes: &mut Vec<Mistake>) -> Option<Config> {
                // All sections are read before the first mistake ends it, so that every mistake is named.
                $(let $section = $type::read(&source, mistakes);)+
                Some(Config { $($section: $section?,)+ source, warnings })
            }
        }

        $(
            $(#[$about])*
            #[derive(Clone, Debug)]
            pub struct $type {
                $($(#[$help])* pub $key: $value,)+
            }

            impl $type {
                fn read(source: &Source, mistakes: &mut Vec<Mistake>) -> Option<$type> {
                    $(let $key = source.read(stringify!($section), stringify!($key), mistakes);)+
                    Some($type { $($key: $key?,)+ })
                }
            }
        )+

        /// Every known key.
        pub const KEYS: &[Key] = &[
            $($(Key { section: stringify!($section), name: stringify!($key), default: $default, effect: Effect::$effect },)+)+
        ];
    };
}

sections! {
    /// The host and its guests.
    vars: Vars {
        /// Whether the daemon and QEMU may leave core dumps.
        core_dump_enable: bool = "true", NotYet;
        /// MiB kept for the host.
        host_mem_reserve: u32 = "256", Now;
        /// MiB each guest costs beyond its memory; reported.
        guest_ram_overhead: u32 = "65", Now;
        /// MiB kept for other programs.
        extra_mem_reserve: u32 = "65", Now;
        /// Patterns of devices shown as NICs though they are none.
        fake_nics: Vec<String> = "dummy_*", Now;
        /// `never` leaves hardware addresses out of network files.
        hwaddr_in_ifcfg: String = "always", NotYet;
        /// Models of NICs that name none.
        nic_model: Vec<String> = "rtl8139,pv", Now;
        /// Seconds the destination waits for an incoming migration to complete.
        migration_destination_timeout: u32 = "21600", NotYet;
        /// Seconds a migration may make no progress; the source waits twice as long.
        migration_timeout: u32 = "300", NotYet;
        /// Seconds a migration may take for each GiB of memory; 0: no limit.
        migration_max_time_per_gib_mem: u32 = "64", NotYet;
        /// Seconds to wait for the destination to listen.
        migration_listener_timeout: u32 = "30", NotYet;
        /// MiB a second; 0: libvirt's default.
        migration_max_bandwidth: u32 = "32", NotYet;
        /// Seconds between looks at a migration; 0: none.
        migration_monitor_interval: u32 = "10", NotYet;
        /// Patterns of NICs that are not shown.
        hidden_nics: Vec<String> = "w*,usb*", Now;
        /// Patterns of bonds that are not shown.
        hidden_bonds: Vec<String> = "", Now;
        /// Patterns of VLAN devices that are not shown.
        hidden_vlans: Vec<String> = "", Now;
        /// The management network of hosts set up by old managers.
        default_bridge: String = "engine", Now;
        /// Longest pause of a migrating guest in milliseconds; below 100 is ignored.
        migration_downtime: u32 = "500", NotYet;
        /// Steps in which that pause grows.
        migration_downtime_steps: u32 = "10", NotYet;
        /// Migrations that may leave at once.
        max_outgoing_migrations: u32 = "3", NotYet;
        /// Seconds a guest has to shut down.
        sys_shutdown_timeout: u32 = "10", NotYet;
        /// Seconds of grace a guest's user has before a shutdown.
        user_shutdown_timeout: u32 = "30", NotYet;
        /// Seconds of silence after which a guest agent counts as not responding.
        guest_agent_timeout: u32 = "30", NotYet;
        /// Seconds a hypervisor command may take.
        vm_command_timeout: u32 = "60", NotYet;
        /// Seconds between looks at thinly provisioned disks.
        vm_watermark_interval: u32 = "2", NotYet;
        /// Seconds between samples of virtual CPUs.
        vm_sample_cpu_interval: u32 = "15", NotYet;
        /// Samples of virtual CPUs kept.
        vm_sample_cpu_window: u32 = "2", NotYet;
        /// Seconds between samples of disks.
        vm_sample_disk_interval: u32 = "60", NotYet;
        /// Samples of disks kept.
        vm_sample_disk_window: u32 = "2", NotYet;
        /// Seconds between samples of disk latency.
        vm_sample_disk_latency_interval: u32 = "60", NotYet;
        /// Samples of disk latency kept.
        vm_sample_disk_latency_window: u32 = "2", NotYet;
        /// Seconds between samples of interfaces.
        vm_sample_net_interval: u32 = "5", NotYet;
        /// Samples of interfaces kept.
        vm_sample_net_window: u32 = "2", NotYet;
        /// Where key, certificate and CA lie.
        trust_store_path: String = "/etc/pki/vdsm", NotYet;
        /// Whether managers must speak TLS with a certificate.
        ssl: bool = "true", Now;
        /// Seconds a connection may be silent.
        vds_responsiveness_timeout: u32 = "60", NotYet;
        /// Added to the niceness of the daemon.
        vdsm_nice: i32 = "-5", NotYet;
        /// Cache mode of disks.
        qemu_drive_cache: String = "none", Now;
        /// Whether a host without KVM says it has it; guests are then emulated.
        fake_kvm_support: bool = "false", Now;
        /// Whether XML-RPC is served.
        xmlrpc_enable: bool = "true", NotYet;
        /// Whether JSON-RPC is served.
        jsonrpc_enable: bool = "true", NotYet;
        /// Whether hardware threads count as cores.
        report_host_threads_as_cores: bool = "false", Now;
        /// `LIBVIRT_LOG_FILTERS` of the daemon.
        libvirt_env_variable_log_filters: String = "", NotYet;
        /// `LIBVIRT_LOG_OUTPUTS` of the daemon.
        libvirt_env_variable_log_outputs: String = "", NotYet;
    }
    /// Kernel samepage merging.
    ksm: Ksm {
        /// Whether to tune KSM when no policy does.
        ksm_monitor_thread: bool = "true", NotYet;
    }
    /// The memory policy.
    mom: Mom {
        /// Configuration of the policy engine.
        conf: String = "/etc/vdsm/mom.conf", NotYet;
        /// The policy that `setMOMPolicyParameters` rewrites.
        tuning_policy: String = "01-parameters", NotYet;
    }
    /// Storage.
    irs: Irs {
        /// Whether storage is served.
        irs_enable: bool = "true", NotYet;
        /// The storage repository.
        repository: Repository = "/rhev/data-center", Now;
        /// Where tasks of this host are kept.
        hsm_tasks: String = "%(repository)s/hsm-tasks", NotYet;
        /// Where images of hosts without a pool lay.
        images: String = "/images", NotYet;
        /// Where its daemon lay.
        irsd: String = "%(images)s/irsd", NotYet;
        /// Seconds between checks of images; 0: none.
        images_check_times: u32 = "0", NotYet;
        /// Free share of a chunk below which a thin volume is extended.
        volume_utilization_percent: u32 = "50", NotYet;
        /// MiB by which a thin volume is extended.
        volume_utilization_chunk_mb: u32 = "1024", NotYet;
        /// Seconds between samples of volume sizes.
        vol_size_sample_interval: u32 = "60", NotYet;
        /// Seconds the validation of all domains may take.
        sd_validate_timeout: u32 = "80", NotYet;
        /// Shortest wait in seconds after a SCSI rescan.
        scsi_rescan_minimal_timeout: u32 = "2", NotYet;
        /// Longest wait in seconds after a SCSI rescan.
        scsi_rescan_maximal_timeout: u32 = "30", NotYet;
        /// Seconds between looks at a domain.
        sd_health_check_delay: u32 = "10", NotYet;
        /// Options of NFS mounts that name none.
        nfs_mount_options: String = "soft,nosharecache", NotYet;
        /// Where facts about connected pools are kept.
        pools_data_dir: String = "/var/run/vdsm/pools", NotYet;
        /// Whether thin volumes are extended.
        vol_extend_policy: String = "ON", NotYet;
        /// Where the programs of the old lock lie.
        lock_util_path: String = "/usr/libexec/vdsm", NotYet;
        /// The program that takes the old lock.
        lock_cmd: String = "spmprotect.sh", NotYet;
        /// The program that frees the old lock.
        free_lock_cmd: String = "spmstop.sh", NotYet;
        /// Tasks that run at once.
        thread_pool_size: u32 = "10", NotYet;
        /// Tasks that are kept.
        max_tasks: u32 = "500", NotYet;
        /// Devices LVM may look at beside those of multipath.
        lvm_dev_whitelist: Vec<String> = "", NotYet;
        /// Backups of LVM metadata kept.
        md_backup_versions: u32 = "30", NotYet;
        /// Where backups of LVM metadata are kept.
        md_backup_dir: String = "/var/log/vdsm/backup", NotYet;
        /// Devices a block domain may have.
        maximum_allowed_pvs: u32 = "8", NotYet;
        /// Seconds that domain statistics are answered from memory.
        repo_stats_cache_refresh_timeout: u32 = "300", NotYet;
        /// Milliseconds a task waits for a resource.
        task_resource_default_timeout: u32 = "120000", NotYet;
        /// Milliseconds the preparation of an image may take.
        prepare_image_timeout: u32 = "600000", NotYet;
        /// Seconds between forced collections of garbage.
        gc_blocker_force_collect_interval: u32 = "60", NotYet;
        /// Domains a pool may have.
        maximum_domains_in_pool: u32 = "100", NotYet;
        /// Helper processes for file access.
        process_pool_size: u32 = "100", NotYet;
        /// Seconds a helper process may take.
        process_pool_timeout: u32 = "60", NotYet;
        /// Seconds a helper process has to end.
        process_pool_grace_period: u32 = "2", NotYet;
        /// Helper processes one domain may hold.
        process_pool_max_slots_per_domain: u32 = "10", NotYet;
        /// iSCSI interfaces to try, in order.
        iscsi_default_ifaces: Vec<String> = "default", NotYet;
        /// Whether volumes are leased one by one.
        use_volume_leases: bool = "false", NotYet;
    }
    /// Where managers reach the host.
    addresses: Addresses {
        /// The port of XML-RPC; 0 lets the kernel choose.
        management_port: u16 = "54321", Now;
        /// The port of JSON-RPC.
        json_port: u16 = "4044", NotYet;
        /// The address to listen at; `::` for IPv6.
        management_ip: IpAddr = "0.0.0.0", Now;
        /// The gateway that guests are told of.
        guests_gateway_ip: String = "", Now;
    }
    /// The hypervisor; ours.
    libvirt: Libvirt {
        /// The connection; `qemu:///embed?root=DIR` only for development.
        uri: LibvirtUri = "qemu:///system", Now;
    }
    /// What a manager of that age asks for and no host of today has; ours.
    compat: Compat {
        /// Machine types that are advertised, each with the one that stands in for it.
        machine_aliases: MachineAliases = "pc-1.0=pc,rhel6.4.0=pc", Now;
    }
}
