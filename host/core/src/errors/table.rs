//! VDSM's error table as data: one row an error, in VDSM's wording with its slips, which managers may compare.
//!
//! A row is: code, variant (with VDSM's own symbol where that is no Rust name), how the text is built, what a task makes of it, and
//! the fixed text. Source: VDSM 3.3 and 4.0 `define.py`, `exception.py`, `storage_exception.py`, `neterrors.py`.

use super::{Entry, TaskRule, Wire};

macro_rules! symbol {
    ($variant:ident) => {
        stringify!($variant)
    };
    ($variant:ident $symbol:literal) => {
        $symbol
    };
}

macro_rules! codes {
    ($($number:literal $variant:ident $(($symbol:literal))? $wire:ident $(($($format:literal),+))? $task:ident $message:literal;)+) => {
        /// Every error a manager can be sent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = concat!("Code ", $number, ": ", $message)] $variant,)+
        }

        impl Code {
            /// All of them, in the table's order.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The row of the table.
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Code::$variant => &Entry {
                        symbol: symbol!($variant $($symbol)?),
                        number: $number,
                        message: $message,
                        wire: Wire::$wire $(($($format),+))?,
                        task: TaskRule::$task,
                    },)+
                }
            }
        }
    };
}

codes! {
    // Global verbs: the text goes out as it stands.
    1 NoVm("noVM") Literal General "Virtual machine does not exist";
    3 NfsErr("nfsErr") Literal General "Image repository access timeout";
    4 Exist("exist") Literal General "Virtual machine already exists";
    5 NoVmType("noVmType") Literal General "Unsupported VM type";
    6 Down("down") Literal General "Virtual machine is down";
    7 CopyErr("copyerr") Literal General "Copy failed";
    8 Sparse("sparse") Literal General "sparse creation faild";
    9 CreateErr("createErr") Literal General "Error creating the requested VM";
    10 NoConPeer("noConPeer") Literal General "Could not connect to peer VDS";
    11 MissParam Literal General "Missing required parameter";
    12 MigrateErr("migrateErr") Literal General "Fatal error during migration";
    13 ImageErr("imageErr") Literal General "Drive image file could not be found";
    14 OutOfMem("outOfMem") Literal General "Not enough free memory to create VM";
    16 Unexpected("unexpected") Literal General "Unexpected exception";
    17 UnsupFormat("unsupFormat") Literal General "Unsupported image format";
    18 TicketErr("ticketErr") Literal General "Error while setting spice ticket";
    19 NonResponsive("nonresp") Literal General "Guest agent non-responsive";
    40 Unavailable("unavail") Literal General "Resource unavailable";
    41 ChangeDisk("changeDisk") Literal General "Failed to change disk image";
    42 DestroyErr("destroyErr") Literal General "Virtual machine destroy error";
    43 FenceAgent("fenceAgent") Literal General "Unsupported fencing agent";
    44 NotImplemented("noimpl") Literal General "Not implemented";
    45 HotplugDisk("hotplugDisk") Literal General "Failed to hotplug disk";
    46 HotunplugDisk("hotunplugDisk") Literal General "Failed to hotunplug disk";
    47 MigCancelErr("migCancelErr") Literal General "Migration not in progress";
    48 SnapshotErr("snapshotErr") Literal General "Snapshot failed";
    49 HotplugNic("hotplugNic") Literal General "Failed to hotplug NIC";
    50 HotunplugNic("hotunplugNic") Literal General "Failed to hotunplug NIC";
    51 MigInProgress("migInProgress") Literal General "Command not supported during migration";
    52 MergeErr("mergeErr") Literal General "Merge failed";
    53 BalloonErr("balloonErr") Literal General "Balloon operation is not available";
    54 MomErr("momErr") Literal General "Failed to set mom policy";
    55 ReplicaErr("replicaErr") Literal General "Drive replication error";
    56 UpdateDevice("updateDevice") Literal General "Failed to update device";
    57 HwInfoErr("hwInfoErr") Literal General "Failed to read hardware information";
    58 ResizeErr("resizeErr") Literal General "Wrong resize disk parameter";
    99 Recovery("recovery") Literal General "Recovering from crash or Initializing";
    59 TransientErr("transientErr") Literal General "Action not permitted on a VM with transient disks";
    60 SetNumberOfCpusErr("setNumberOfCpusErr") Literal General "Failed to set the number of cpus";
    61 HaErr("haErr") Literal General "Failed to set Hosted Engine HA policy";
    62 CpuTuneErr("cpuTuneErr") Literal General "CpuTune operation is not available";
    63 UpdateVmPolicyErr("updateVmPolicyErr") Literal General "Failed to update VM SLA policy";
    64 UpdateIoTuneErr("updateIoTuneErr") Literal General "Failed to update ioTune values";
    65 V2VConnection Literal General "error connecting to hypervisor";
    66 NoSuchJob Literal General "Job Id does not exists";
    67 V2VNoSuchOvf Literal General "OVF file does not exists";
    68 JobNotDone Literal General "Job status is not done";
    69 JobExists Literal General "Job id already exists";
    70 HotplugMem("hotplugMem") Literal General "Failed to hotplug memory";
    71 KsmErr("ksmErr") Literal General "Failed to update KSM values";
    72 SecretBadRequestErr("secretBadRequestErr") Literal General "Bad secret request";
    73 SecretRegisterErr("secretRegisterErr") Literal General "Error registering Libvirt secret";
    74 SecretUnregisterErr("secretUnregisterErr") Literal General "Error unregistering Libvirt secret";
    75 UnsupportedOperationErr("unsupportedOperationErr") Literal General "Operation not supported";
    76 FreezeErr("freezeErr") Literal General "Unable to freeze guest filesystems";
    77 ThawErr("thawErr") Literal General "Unable to thaw guest filesystems";
    78 HookFailed("hookError") Literal General "Hook error";
    79 DestVolumeTooSmall("destVolumeTooSmall") Literal General "Destination volume is too small";
    80 AbortNotSupported Literal General "Job does not support aborting";
    81 MigNotInProgress("migNotInProgress") Literal General "Migration not in progress";
    82 MigrateLimit("migrateLimit") Literal General "Incoming migration limit exceeded";
    83 HostdevDetachErr("hostdevDetachErr") Literal General "Could not detach host device";
    // Network verbs: the text is built where the mistake is found.
    21 BadParams("ERR_BAD_PARAMS") Literal General "";
    22 BadAddr("ERR_BAD_ADDR") Literal General "";
    23 BadNic("ERR_BAD_NIC") Literal General "";
    24 UsedNic("ERR_USED_NIC") Literal General "";
    25 BadBonding("ERR_BAD_BONDING") Literal General "";
    26 BadVlan("ERR_BAD_VLAN") Literal General "";
    27 BadBridge("ERR_BAD_BRIDGE") Literal General "";
    28 UsedBridge("ERR_USED_BRIDGE") Literal General "";
    29 FailedIfup("ERR_FAILED_IFUP") Literal General "";
    10 LostConnection("ERR_LOST_CONNECTION") Literal General "connectivity check failed";
    // Bases and the storage dispatcher.
    0 VdsmException Literal General "Vdsm Exception";
    100 GeneralException Tuple General "General Exception";
    443 ActionStopped Tuple General "Action was stopped";
    654 SecureError Literal General "Not SPM";
    100 DispatcherError("STATUS_ERROR") Literal General "ERROR";
    101 InvalidConfiguration Tuple General "Invalid configuration value";
    1500 HookError Tuple General "Hook Error";
    // Storage classes, by code.
    200 StorageException Tuple Keeps "General Storage Exception";
    201 VolumeDoesNotExist Tuple Keeps "Volume does not exist";
    202 IncorrectFormat Tuple Keeps "Incorrect Volume format";
    203 VolumeIsBusy Volume General "Volume is busy";
    204 VolumeImageHasChildren Volume General "Cannot delete volume which has children (non-ethical)";
    205 VolumeCreationError Tuple Keeps "Error creating a new volume";
    206 VolumeExtendingError Tuple Keeps "Error extending volume";
    207 VolumeMetadataReadError Tuple Keeps "Error while processing volume meta data";
    208 VolumeMetadataWriteError Tuple Keeps "Error while updating volume meta data";
    209 VolumeAccessError Tuple Keeps "Error accessing a volume";
    210 VolumeUnlinkError Tuple Keeps "Volume unlink failed";
    211 OrphanVolumeError Tuple Keeps "Orphan volume, volume hasn't image";
    212 VolumeAlreadyExists Tuple Keeps "Volume already exists";
    213 VolumeNonWritable Volume General "Volume cannot be access to writes";
    214 VolumeNonShareable Volume General "Volume cannot be shared, it's not Shared/Template volume";
    215 VolumeOwnershipError Volume General "Volume ownership error";
    216 VolumeCannotGetParent Tuple Keeps "Cannot get parent volume";
    217 CannotCloneVolume Sentence("src=%s, dst=%s: %s") General "Cannot clone volume";
    218 CannotShareVolume Sentence("src=%s, dst=%s: %s") General "Cannot share volume";
    219 SharedVolumeNonWritable Volume General "Shared volume is read only";
    220 InternalVolumeNonWritable Volume General "Volume cannot be access to writes, it's Internal volume";
    221 CannotModifyVolumeTime Volume General "Cannot change volume's modify time";
    222 CannotDeleteVolume Tuple Keeps "Volume deletion error";
    223 CannotDeleteSharedVolume Tuple Keeps "Shared Volume cannot be deleted";
    224 NonLeafVolumeNotWritable Volume General "Volume cannot be accessed to writes, it's not a leaf volume";
    225 VolumeCopyError Volume General "Volume copy failed";
    226 CreateIllegalVolumeSnapshotError("createIllegalVolumeSnapshotError") Tuple Keeps
        "Cannot create volume snapshot from illegal volume";
    227 PrepareIllegalVolumeError("prepareIllegalVolumeError") Tuple Keeps "Cannot prepare illegal volume";
    228 CreateVolumeRollbackError("createVolumeRollbackError") Tuple Keeps "Failure create volume rollback";
    229 CreateVolumeSizeError("createVolumeSizeError") Tuple Keeps "Requested size is too small. Must be larger or equal to 1";
    230 VolumeWasNotPreparedBeforeTeardown Tuple Keeps "Volume was not prepared before being torn down";
    231 IncorrectType Tuple Keeps "Incorrect Volume Preallocate Type";
    232 VolumeResizeValueError Tuple Keeps "Incorrect size value for volume resize";
    233 VolumeNotSparse Tuple Keeps "Volume type is not sparse";
    234 CannotSparsifyVolume Tuple Keeps "Cannot sparsify volume";
    250 ImagesActionError Tuple Keeps "Error images action";
    251 TemplateCreationError Tuple Keeps "Error creating template from VM";
    252 MergeSnapshotsError Tuple Keeps "Error merging snapshots";
    253 MoveImageError Tuple Keeps "Error moving image";
    254 ImagePathError Tuple Keeps "Image path does not exist or cannot be accessed/created";
    255 ImageValidationError Tuple Keeps "Image validation error";
    256 ImageDeleteError Tuple Keeps "Could not remove all image's volumes";
    258 ImageIsEmpty("ImageIsEmpty_deprecated_vdsm23") Sentence("image=%s, domain=%s") Keeps "Image is empty. Deprecated in vdsm2.3";
    259 SourceImageActionError Sentence("image=%s, source domain=%s: %s") Keeps "Error during source image manipulation";
    260 DestImageActionError Sentence("image=%s, dest domain=%s: msg=%s") Keeps "Error during destination image manipulation";
    261 CopyImageError Tuple Keeps "low level Image copy failed";
    262 ImageIsNotLegalChain Tuple Keeps "Image is not a legal chain";
    263 CouldNotValideTemplateOnTargetDomain Tuple Keeps "Cannot validate template on target domain";
    264 MultipleMoveImageError Tuple Keeps "Error moving multiple image";
    265 OverwriteImageError Sentence("image=%s, domain=%s") Keeps "Can't overwrite image";
    266 MoveTemplateImageError Tuple Keeps "Cannot move template's image because it is used by a VM";
    267 MergeVolumeRollbackError Tuple Keeps "Cannot rollback merge volume";
    268 ImageDoesNotExistInSD Sentence("image=%s, domain=%s") Keeps "Image does not exist in domain";
    300 StoragePoolActionError Tuple Keeps "Error storage pool action";
    301 StoragePoolCreationError Tuple Keeps "Error creating a storage pool";
    302 StoragePoolConnectionError Tuple Keeps "Error storage pool connection";
    303 StoragePoolDisconnectionError Tuple Keeps "Error storage pool disconnection";
    304 StoragePoolMasterNotFound Sentence("spUUID=%s, msdUUID=%s") Keeps "Cannot find master domain";
    305 StorageUpdateVmError Tuple Keeps "Cannot update VM";
    306 ReconstructMasterError Tuple Keeps "Cannot reconstruct master domain";
    307 StoragePoolTooManyMasters Tuple Keeps "Too many masters for StoragePool";
    308 StoragePoolDestroyingError Tuple Keeps "Error destroying a storage pool";
    309 StoragePoolUnknown Tuple Keeps "Unknown pool id, pool not connected";
    310 StoragePoolHasPotentialMaster Tuple Keeps "Master role should be moved to another domain";
    311 StoragePoolInternalError Tuple Keeps "Storage pool not defined";
    312 ImageMissingFromVm Sentence("image=%s, VM=%s") Keeps "Image missing from VM";
    313 StoragePoolNotConnected Tuple Keeps "Storage pool not connected";
    314 GetIsoListError Tuple Keeps "Cannot get ISO list";
    315 GetFloppyListError Tuple Keeps "Cannot get floppy list";
    316 StoragePoolAlreadyExists Tuple Keeps "Error creating a storage pool - pool already exists";
    317 IsoCannotBeMasterDomain Tuple Keeps "ISO domain cannot be a master storage domain";
    318 StoragePoolCheckError Tuple Keeps "Pool check failed";
    319 BackupCannotBeMasterDomain Tuple Keeps "Backup domain cannot be a master storage domain";
    320 MissingOvfFileFromVM Tuple Keeps "Missing OVF file from VM";
    321 ImageNotOnTargetDomain Sentence("SD=%s, image=%s, VM=%s") Keeps "Image cannot be found on the specified domain";
    322 VMPathNotExists Tuple Keeps "Cannot found VMs directory";
    323 CannotConnectMultiplePools Tuple Keeps "Cannot connect pool, already connected to another pool";
    324 StoragePoolWrongMaster Sentence("SD=%s, pool=%s") Keeps "Wrong Master domain or its version";
    325 StoragePoolConnected Tuple Keeps "Cannot perform action while storage pool is connected";
    326 StoragePoolHigherVersionMasterFound Tuple Keeps "Found master domain with higher master version than input";
    327 StoragePoolDescriptionTooLongError Tuple Keeps "Storage pool description is too long";
    328 TooManyDomainsInStoragePoolError Tuple Keeps "Too many domains in Storage pool";
    329 ImagesNotSupportedError Tuple Keeps "This domain does not support images";
    330 GetFileListError Tuple Keeps "Cannot get files list";
    330 GetFileStatsError Tuple Keeps "Cannot get file stats";
    350 StorageDomainActionError Tuple Keeps "Error in storage domain action";
    351 StorageDomainCreationError Tuple Keeps "Error creating a storage domain";
    352 StorageDomainFormatError Tuple Keeps "Error formatting a storage domain";
    353 StorageDomainNotInPool Sentence("domain=%s, pool=%s") Keeps "Storage domain not in pool";
    354 StorageDomainAttachError Tuple Keeps "Error attaching storage domain";
    355 StorageDomainMasterError Tuple Keeps "Error validating master storage domain";
    356 StorageDomainDetachError Tuple Keeps "Error detaching storage domain";
    357 StorageDomainDeactivateError Tuple Keeps "Error deactivating storage domain";
    358 StorageDomainDoesNotExist Tuple Keeps "Storage domain does not exist";
    359 StorageDomainActivateError Tuple Keeps "Error activating storage domain";
    360 StorageDomainFSNotMounted Tuple Keeps "Storage domain remote path not mounted";
    361 StorageDomainNotEmpty Tuple Keeps "Storage domain is not empty - requires cleaning";
    362 StorageDomainMetadataCreationError Tuple Keeps "Error creating a storage domain's metadata";
    363 StorageDomainMetadataFileMissing Uuid General "Could not retrieve metadata file name for domain";
    364 StorageDomainMetadataNotFound Sentence("sdUUID=%s, metafile path=%s") Keeps "Storage domain invalid, metadata not found";
    365 StorageDomainAlreadyExists Tuple Keeps "Storage domain already exists";
    366 StorageDomainMasterUnmountError Sentence("masterdir=%s, rc=%s") Keeps "Error unmounting master storage domain";
    367 BlockStorageDomainMasterFSCKError Sentence("masterfsdev=%s, rc=%s") Keeps "BlockSD master file system FSCK error";
    368 BlockStorageDomainMasterMountError Sentence("masterfsdev=%s, rc=%s out=%s") Keeps "BlockSD master file system mount error";
    369 StorageDomainNotActive Tuple Keeps "Storage domain not active";
    370 StorageDomainMasterCopyError Tuple Keeps "Error copying master storage domain's data";
    371 StorageDomainLayoutError Tuple Keeps "Storage domain layout corrupted";
    372 StorageDomainTypeError Tuple Keeps "Unsupported Storage Domain type";
    373 GetStorageDomainListError Tuple Keeps "Cannot get Storage Domains list";
    374 VolumesZeroingError Tuple Keeps "Cannot zero out volume";
    375 StorageDomainNotMemberOfPool Sentence("pool=%s, domain=%s") Keeps "Domain is not member in pool";
    376 StorageDomainStatusError Tuple Keeps "Unsupported Storage Domain status";
    377 StorageDomainCheckError Tuple Keeps "Domain has errors";
    378 StorageDomainTypeNotBackup Tuple Keeps "Domain type should be 'backup' but is not";
    379 StorageDomainAccessError Tuple Keeps "Domain is either partially accessible or entirely inaccessible";
    380 StorageDomainAlreadyAttached Sentence("domain=%s, pool=%s") Keeps "Storage domain already attached to pool";
    381 StorageDomainStateTransitionIllegal Volume Keeps "Domain state change illegal";
    382 StorageDomainActive Tuple Keeps "Illegal action, domain active";
    383 CannotDetachMasterStorageDomain Tuple Keeps "Illegal action";
    384 FileStorageDomainStaleNFSHandle Tuple Keeps "Stale NFS handle on underlying NFS server";
    385 StorageDomainInsufficientPermissions Tuple Keeps "Insufficient access permissions to underlying storage";
    386 StorageDomainClassError Tuple Keeps "Invalid domain class value";
    387 StorageDomainDescriptionTooLongError Tuple Keeps "Storage domain description is too long";
    388 StorageDomainIsMadeFromTooManyPVs Tuple Keeps "Storage domain is made from too many PVs";
    389 TooManyPVsInVG Tuple Keeps "Tried to create a VG from too many PVs";
    390 StorageDomainIllegalRemotePath Tuple Keeps "Remote path is illegal";
    391 CannotFormatAttachedStorageDomain Tuple Keeps "Cannot format attached storage domain";
    392 CannotFormatStorageDomainInConnectedPool Tuple Keeps "Cannot format storage domain in connected pool";
    393 StorageDomainRefreshError Tuple Keeps "Cannot refresh storage domain";
    394 UnsupportedDomainVersion Whole("Domain version `%d` is unsupported by this version of VDSM", "") Keeps "";
    395 CurrentVersionTooAdvancedError Whole("Current domain `%s` version is too advanced, expected `%d` and found `%d`", "") Keeps "";
    396 PoolUpgradeInProgress Whole("Upgrading a pool while an upgrade is in process is unsupported (pool: `%s`)", "") Keeps "";
    397 NoSpaceLeftOnDomain Whole("No space left on domain %s", "%s") Keeps "";
    398 MixedSDVersionError Whole("Domain `%s` version (%d) is different from msd %s version (%d)", "") Keeps "";
    399 StorageDomainTargetUnsupported Tuple Keeps "Storage Domain target is unsupported";
    400 InvalidTask Tuple General "Task invalid";
    401 UnknownTask Tuple General "Task id unknown";
    402 TaskClearError Tuple General "Could not clear task";
    403 TaskNotFinished Tuple General "Task not finished";
    404 InvalidTaskType Tuple General "Invalid task type";
    405 AddTaskError Tuple General "TaskManager error, unable to add task";
    406 TaskInProgress Sentence("Pool %s task %s") General "Running Task in progress";
    407 TaskMetaDataSaveError Tuple General "Can't save Task Metadata";
    408 TaskMetaDataLoadError Tuple General "Can't load Task Metadata";
    409 TaskDirError Tuple General "can't find/access task dir";
    410 TaskStateError Tuple General "Operation is not allowed in this task state";
    411 TaskAborted Aborted General "Task is aborted";
    412 UnmanagedTask Tuple General "Operation can't be performed on unmanaged task";
    413 TaskPersistError Tuple General "Can't persist task";
    420 InvalidJob Tuple General "Job is invalid";
    430 InvalidRecovery Tuple General "Recovery is invalid";
    440 InvalidTaskMng Tuple General "invalid Task Manager";
    441 TaskStateTransitionError Tuple General "cannot move task to requested state";
    442 TaskHasRefs Tuple General "operation cannot be performed - task has active references";
    450 StorageServerActionError Tuple Keeps "Error storage server action";
    451 StorageServerConnectionError Tuple Keeps "Error storage server connection";
    452 StorageServerDisconnectionError Tuple Keeps "Error storage server disconnection";
    453 StorageServerValidationError Sentence("path = %s") Keeps
        "The specified path does not exist or cannot be reached. Verify the path is correct and for remote storage, \
         check the connection to your storage.";
    454 StorageServeriSCSIError Tuple Keeps "iSCSI connection error";
    455 MultipathReloadError Tuple Keeps "Multipath service reload error";
    456 GetiSCSISessionListError Tuple Keeps "Get iSCSI session list error";
    457 AddiSCSIPortalError Tuple Keeps "Add iSCSI portal error";
    458 RemoveiSCSIPortalError Tuple Keeps "Remove iSCSI portal error";
    459 RemoveiSCSINodeError Tuple Keeps "Remove iSCSI node error";
    460 AddiSCSINodeError Tuple Keeps "Add iSCSI node error";
    461 SetiSCSIAuthError Tuple Keeps "Set iSCSI authentication error";
    462 SetiSCSIUsernameError Tuple Keeps "Set iSCSI username error";
    463 SetiSCSIPasswdError Tuple Keeps "Set iSCSI password error";
    464 ISCSILoginError("iSCSILoginError") Tuple Keeps "Failed to login to iSCSI node";
    465 ISCSISetupError("iSCSISetupError") Tuple Keeps "Failed to setup iSCSI subsystem";
    467 MultipathSetupError Tuple Keeps "Failed to setup multipath";
    468 StorageTypeError Tuple Keeps "Storage type error";
    469 StorageServerAccessPermissionError Sentence("path = %s") Keeps
        "Permission settings on the specified path do not allow access to the storage. Verify permission settings on \
         the specified storage path.";
    469 StorageServerLocalNotDirError Sentence("path = %s") Keeps "The specified local path is not a directory.";
    470 MountTypeError Tuple Keeps "Mount type error";
    471 MountParsingError Tuple Keeps "Mount parsing error";
    472 InvalidIpAddress Sentence("IP = %s") Keeps "Invalid IP address";
    473 ISCSIifaceError("iSCSIifaceError") Tuple Keeps "iscsiadm iface error";
    474 ISCSILogoutError("iSCSILogoutError") Tuple Keeps "Failed to logout from iSCSI node";
    475 ISCSIDiscoveryError("iSCSIDiscoveryError") Sentence("portal=%s, err=%s") Keeps "Failed discovery of iSCSI targets";
    476 ISCSILoginAuthError("iSCSILoginAuthError") Tuple Keeps "Failed to login to iSCSI node due to authorization failure";
    477 MountError Tuple Keeps "Problem while trying to mount target";
    478 StorageServerConnectionRefIdAlreadyInUse Tuple Keeps "Connection Reference ID is already in use";
    479 StorageServerConnectionRefIdDoesNotExist Tuple Keeps "Connection Reference ID was not registered";
    480 UnsupportedGlusterVolumeReplicaCountError Sentence("replica count = %s") Keeps "Gluster volume replica count is not supported";
    481 ImageTicketsError Sentence("reason=%s") Keeps "Cannot communicate with image daemon";
    482 ImageDaemonError Tuple Keeps "Image daemon request failed";
    483 ImageDaemonUnsupported Tuple Keeps "Image daemon is unsupported";
    484 ImageVerificationError Sentence("reason=%s") Keeps "Image verification failed";
    500 VolumeGroupActionError Tuple Keeps "Error volume group action";
    501 VolumeGroupPermissionsError Tuple Keeps "Could not update/change volume group permissions";
    502 VolumeGroupCreateError Sentence("vgname=%s, devname=%s") Keeps "Cannot create Volume Group";
    503 VolumeGroupExtendError Sentence("vgname=%s, devname=%s") Keeps "Cannot extend Volume Group";
    504 VolumeGroupSizeError Tuple Keeps "Volume Group not big enough";
    505 VolumeGroupAlreadyExistsError Tuple Keeps "Volume Group Already Exists";
    506 VolumeGroupDoesNotExist Tuple Keeps "Volume Group does not exist";
    507 VolumeGroupRenameError Tuple Keeps "Volume Group rename error";
    508 VolumeGroupRemoveError Tuple Keeps "Volume Group remove error";
    509 VolumeGroupUninitialized Tuple Keeps "Volume Group not initialize";
    510 VolumeGroupReadTagError Tuple Keeps "Read Volume Group's tag error";
    511 VolumeGroupAddTagError Tuple Keeps "Add tag to Volume Group error";
    512 VolumeGroupRemoveTagError Tuple Keeps "Remove tag from Volume Group error";
    513 VolumeGroupScanError Tuple Keeps "Volume Group scanning error";
    514 GetVolumeGroupListError Tuple Keeps "Get Volume Group list error";
    515 VolumeGroupHasDomainTag Tuple Keeps "Volume Group has domain tag - requires cleaning";
    516 VolumeGroupReplaceTagError Tuple Keeps "Replace Volume Group tag error";
    517 VolumeGroupBlockSizeError Sentence("domlogblksize=%s domphyblksize=%s devlogblksize=%s devphyblksize=%s") Keeps
        "All devices in domain must have the same block size";
    518 DeviceBlockSizeError Sentence("logblksize=%s phyblksize=%s") Keeps "Device block size is not supported";
    550 CannotCreateLogicalVolume Tuple Keeps "Cannot create Logical Volume";
    551 CannotRemoveLogicalVolume Tuple Keeps "Cannot remove Logical Volume";
    552 CannotDeactivateLogicalVolume Tuple Keeps "Cannot deactivate Logical Volume";
    553 CannotAccessLogicalVolume Tuple Keeps "Cannot access Logical Volume";
    554 LogicalVolumeExtendError Sentence("vgname=%s lvname=%s newsize=%s") Keeps "Logical Volume extend failed";
    555 LogicalVolumesListError Tuple Keeps "Cannot get Logical Volumes list from Volume Group";
    556 LogicalVolumeRefreshError Tuple Keeps "Cannot refresh Logical Volume";
    557 LogicalVolumeScanError Sentence("vgname=%s lvname=%s") Keeps "Logical volume scanning error";
    558 CannotActivateLogicalVolume Tuple Keeps "Cannot activate Logical Volume";
    559 LogicalVolumePermissionsError Uuid General "Cannot update/change logical volume permissions";
    560 LogicalVolumeAddTagError Tuple Keeps "Add tag to Logical Volume error";
    561 LogicalVolumeRemoveTagError Tuple Keeps "Remove tag from Logical Volume error";
    562 GetLogicalVolumeTagError Tuple Keeps "Cannot get tags of Logical Volumes";
    563 GetLogicalVolumesByTagError Tuple Keeps "Cannot get Logical Volumes with specific tag";
    564 GetAllLogicalVolumeTagsError Tuple Keeps "Cannot get tags of all Logical Volumes of Volume Group";
    565 GetLogicalVolumeDevError Tuple Keeps "Cannot get physical devices of logical volume";
    566 LogicalVolumeRenameError Tuple Keeps "Cannot rename Logical Volume";
    567 CannotWriteAccessLogialVolume Sentence("vgname=%s lvname=%s") Keeps "Cannot access logical volume for write";
    568 CannotSetRWLogicalVolume Sentence("vgname=%s lvname=%s rw=%s") Keeps "Cannot set Logical volume RW permission";
    569 LogicalVolumesScanError Sentence("vgname=%s, lvs=%s") Keeps "Logical volume scanning error";
    570 CannotActivateLogicalVolumes Tuple Keeps "Cannot activate Logical Volumes";
    571 GetLogicalVolumeDataError Tuple Keeps "Cannot get Logical Volume Info";
    572 LogicalVolumeReplaceTagError Tuple Keeps "Replace Logical Volume tag error";
    600 BlockDeviceActionError Tuple Keeps "Error block device action";
    601 PhysDevInitializationError Tuple Keeps "Failed to initialize physical device";
    602 LVMSetupError Tuple Keeps "LVM setup failed";
    603 CouldNotRetrievePhysicalVolumeList Tuple Keeps "Could not retrieve pv list";
    604 LogicalVolumeAlreadyExists Tuple Keeps "Cannot create logical volume - already exists";
    605 CouldNotRetrieveLogicalVolumesList Tuple Keeps "Could not retrieve lv list";
    606 InvalidPhysDev Tuple Keeps "Invalid physical device";
    606 InaccessiblePhysDev Sentence("devices=%s") Keeps "Multipath cannot access physical device(s)";
    607 PartitionedPhysDev Tuple Keeps "Partitioned physical device";
    608 MkfsError Tuple Keeps "Cannot create filesystem on device";
    609 MissingTagOnLogicalVolume Sentence("lvname=%s tag=%s") Keeps "Missing logical volume tag.";
    610 LogicalVolumeDoesNotExistError Tuple Keeps "Logical volume does not exist";
    611 LogicalVolumeCachingError Tuple Keeps "Logical volume cache error";
    612 LogicalVolumeWrongTagError Tuple Keeps "Wrong logical volume tag";
    613 VgMetadataCriticallyFull Sentence("vgname=%s mdasize=%s mdafree=%s") Keeps
        "Error - The system has reached the high watermark on the VG\n\
        \x20                metadata area size. This is due high number of Vdisks or\n\
        \x20                large Vdisks size allocated on this specific VG. Please call\n\
        \x20                Redhat Global Support to address the issue";
    614 SmallVgMetadata Sentence("vgname=%s mdasize=%s mdafree=%s") Keeps "Warning - The allocated VG metadata area size is too small,\n\
        \x20                which might limit its capacity (the number of Vdisks and/or\n\
        \x20                their size). Refer to GSS knowledge base to understand the\n\
        \x20                issue and how to resolve it";
    615 CouldNotResizePhysicalVolume Sentence("pvname=%s err=%s") Keeps "Could not resize PV";
    650 SpmStartError Tuple Keeps "Error starting SPM";
    651 AcquireLockFailure Sentence("id=%s, rc=%s, out=%s, err=%s") Keeps "Cannot obtain lock";
    652 SpmParamsMismatch Sentence("expected previd:%s lver:%s got request for previd:%s lver:%s") Keeps
        "Pool previous lver/id don't match request";
    653 SpmStopError Sentence("spUUID=%s, task=%s") Keeps "Error stopping SPM, SPM has unfinished task(s)";
    654 SpmStatusError Tuple Keeps "Not SPM";
    655 SpmFenceError Tuple Keeps "Error fencing SPM";
    656 IsSpm Tuple Keeps "Operation not allowed while SPM is active";
    657 DomainAlreadyLocked Tuple Keeps "Cannot acquire lock, resource marked as locked";
    658 DomainLockDoesNotExist Tuple Keeps "Cannot release lock, resource not found";
    660 ReleaseLockFailure Tuple Keeps "Cannot release lock";
    661 AcquireHostIdFailure Tuple Keeps "Cannot acquire host id";
    662 ReleaseHostIdFailure Tuple Keeps "Cannot release host id";
    700 HostIdMismatch Tuple Keeps "Host id not found or does not match manager host id";
    701 ClusterLockInitError Tuple Keeps "Could not initialize cluster lock";
    702 InquireNotSupportedError Tuple Keeps "Cluster lock inquire isnt supported";
    749 MetaDataGeneralError Tuple Keeps "General Meta data error";
    750 MetaDataKeyError Tuple Keeps "Meta data key error";
    751 MetaDataKeyNotFoundError Tuple Keeps "Meta Data key not found error";
    752 MetaDataSealIsBroken Sentence("cksum = %s, computed_cksum = %s") Keeps "Meta Data seal is broken (checksum mismatch)";
    753 MetaDataValidationError Tuple Keeps "Meta Data self-validation failed";
    754 MetaDataMappingError Tuple Keeps "Meta Data mapping failed";
    756 MetadataOverflowError Tuple Keeps "Metadata is too big. Cannot change Metadata";
    800 ImportError Tuple Keeps "Error importing image";
    801 ImportInfoError Tuple Keeps "Import candidate info error";
    802 ImportUnknownType Tuple Keeps "Unknown import type";
    803 ExportError Tuple Keeps "Error exporting VM";
    850 ResourceNamespaceNotEmpty Tuple General "Resource Namespace is not empty";
    851 ResourceTimeout Tuple General "Resource timeout";
    852 ResourceDoesNotExist Tuple General "Resource does not exist";
    853 InvalidResourceName Tuple General "Invalid resource name";
    854 ResourceReferenceInvalid Tuple General "Cannot perform operation. This resource has been released or expired.";
    855 ResourceAcqusitionFailed Tuple General "Could not acquire resource. Probably resource factory threw an exception.";
    900 StorageDomainIsMemberOfPool Sentence("domain=%s") Keeps "Storage domain is member of pool";
    910 DomainHasGarbage Sentence("%s") Keeps "Operation failed because garbage was found";
    1000 InvalidParameterException Sentence("%s=%s") General "Invalid parameter";
    1001 InvalidDefaultExceptionException Tuple General "Cannot set exception as default, type not supported";
    2000 NotImplementedException Tuple General "Method not implemented";
    2000 MiscNotImplementedException Tuple General "Method not implemented";
    2001 MiscFileReadException Tuple Keeps "Internal file read failure";
    2002 MiscFileWriteException Tuple Keeps "Internal file write failure";
    2003 MiscBlockReadException Sentence("name=%s, offset=%s, size=%s") Keeps "Internal block device read failure";
    2004 MiscBlockWriteException Sentence("name=%s, offset=%s, size=%s") Keeps "Internal block device write failure";
    2005 OperationInProgress Tuple Keeps "Operation is already in progress";
    2005 MiscOperationInProgress Tuple Keeps "Operation is already in progress";
    2006 MiscBlockWriteIncomplete Sentence("name=%s, offset=%s, size=%s") Keeps "Internal block device write incomplete";
    2007 MiscBlockReadIncomplete Sentence("name=%s, offset=%s, size=%s") Keeps "Internal block device read incomplete";
    2008 MiscDirCleanupFailure Tuple Keeps "Directory cleanup failure";
    3000 ResourceException Uuid General "General Exception";
    4000 VolumeGeneralException Volume General "General Exception";
    4900 UnicodeArgumentException Tuple General "Unicode arguments are not supported";
}
