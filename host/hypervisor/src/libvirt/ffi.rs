//! The libvirt functions that `virt` does not wrap: events, the close callback, bulk statistics, CPU shares, the event loop's timer.
//!
//! All unsafe code of the crate is here. A callback copies what it is given into our types and returns: it calls nothing that could
//! wait, and nothing unwinds through C.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_longlong, c_ulonglong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

use super::connection::Peer;
use super::event::{BlockJobKind, BlockJobStatus, Event, GraphicsPhase, IoErrorAction, Lifecycle, WatchdogAction};
use super::sink::ConnectionSink;
use super::stats::{DomainStats, RawValue, StatsGroups};

/// The callbacks of one connection, to be taken back before it is closed.
pub(crate) struct Subscription {
    events: Vec<c_int>,
    close: bool,
}

/// Subscribes `sink` to everything in [`Event`] and, with a daemon at the other end, to the connection's end.
pub(crate) fn subscribe(connect: &Connect, sink: &Arc<ConnectionSink>, peer: Peer) -> Result<Subscription, Error> {
    let mut subscription = Subscription { events: Vec::new(), close: false };
    for (id, callback) in callbacks() {
        match register(connect, id, callback, sink) {
            Ok(number) => subscription.events.push(number),
            Err(error) => {
                unsubscribe(connect, &subscription);
                return Err(error);
            }
        }
    }
    // A driver within this process takes the callback, says that all is well, and neither calls nor frees it.
    subscription.close = peer == Peer::Daemon && register_close(connect, sink);
    Ok(subscription)
}

/// Takes the callbacks back; libvirt frees what they hold once none of them runs.
pub(crate) fn unsubscribe(connect: &Connect, subscription: &Subscription) {
    for number in &subscription.events {
        // SAFETY: the connection is open for as long as `connect` lives, and the number came from it. A failure (the connection is
        // broken) leaves the callback to libvirt, which frees it with the connection.
        unsafe { sys::virConnectDomainEventDeregisterAny(connect.as_ptr(), *number) };
    }
    if subscription.close {
        // SAFETY: as above; the function is the one that was registered.
        unsafe { sys::virConnectUnregisterCloseCallback(connect.as_ptr(), Some(on_close)) };
    }
}

type Generic = sys::virConnectDomainEventGenericCallback;

/// Every event we subscribe to, with its callback as the one type that libvirt takes.
fn callbacks() -> [(u32, Generic); 10] {
    /// libvirt takes callbacks of every signature as one type and calls each by the signature of its event.
    macro_rules! callback {
        ($function:ident as $signature:ty) => {{
            let typed: $signature = Some($function);
            // SAFETY: both are optional pointers to C functions of the same size; libvirt casts it back to `$signature`, which is
            // the documented one of the event id that it stands beside.
            unsafe { std::mem::transmute::<$signature, Generic>(typed) }
        }};
    }
    [
        (sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE, callback!(on_lifecycle as sys::virConnectDomainEventCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_REBOOT, Some(on_reboot)),
        (sys::VIR_DOMAIN_EVENT_ID_RTC_CHANGE, callback!(on_rtc_change as sys::virConnectDomainEventRTCChangeCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, callback!(on_io_error as sys::virConnectDomainEventIOErrorReasonCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_GRAPHICS, callback!(on_graphics as sys::virConnectDomainEventGraphicsCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, callback!(on_block_job as sys::virConnectDomainEventBlockJobCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_WATCHDOG, callback!(on_watchdog as sys::virConnectDomainEventWatchdogCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, callback!(on_balloon_change as sys::virConnectDomainEventBalloonChangeCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, callback!(on_device_added as sys::virConnectDomainEventDeviceAddedCallback)),
        (sys::VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, callback!(on_device_removed as sys::virConnectDomainEventDeviceRemovedCallback)),
    ]
}

fn register(connect: &Connect, id: u32, callback: Generic, sink: &Arc<ConnectionSink>) -> Result<c_int, Error> {
    let opaque = Box::into_raw(Box::new(Arc::clone(sink))).cast::<c_void>();
    // SAFETY: the connection is open; a null domain means all of them; `opaque` is a box that `free_sink` frees, and `callback` reads
    // it as what it is.
    let number = unsafe {
        sys::virConnectDomainEventRegisterAny(connect.as_ptr(), std::ptr::null_mut(), id as c_int, callback, opaque, Some(free_sink))
    };
    if number < 0 {
        let error = Error::last_error();
        // SAFETY: a registration that failed did not keep the box, and nothing else has it.
        unsafe { free_sink(opaque) };
        return Err(error);
    }
    Ok(number)
}

/// Whether libvirt will say when the connection ends; if not, it is noticed by looking.
fn register_close(connect: &Connect, sink: &Arc<ConnectionSink>) -> bool {
    let opaque = Box::into_raw(Box::new(Arc::clone(sink))).cast::<c_void>();
    // SAFETY: as for `register`.
    let result = unsafe { sys::virConnectRegisterCloseCallback(connect.as_ptr(), Some(on_close), opaque, Some(free_sink)) };
    if result < 0 {
        // SAFETY: as for `register`.
        unsafe { free_sink(opaque) };
    }
    result >= 0
}

/// Frees the box that `register` made.
///
/// # Safety
/// `opaque` is that box, not freed before.
unsafe extern "C" fn free_sink(opaque: *mut c_void) {
    // SAFETY: by the contract above.
    let sink = unsafe { Box::from_raw(opaque.cast::<Arc<ConnectionSink>>()) };
    // The sink's drop frees memory only, but a panic must not reach C.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(sink)));
}

/// Makes an event for `domain` and hands it over.
///
/// # Safety
/// `domain` is a valid domain and `opaque` the box that `register` made, both for the time of the call.
unsafe fn deliver(domain: sys::virDomainPtr, opaque: *mut c_void, event: impl FnOnce(String) -> Event) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: by the contract above; the box outlives every callback.
        let (sink, uuid) = unsafe { (&*opaque.cast::<Arc<ConnectionSink>>(), domain_uuid(domain)) };
        sink.events.deliver(event(uuid));
    }));
}

/// The uuid in a domain's handle: a read of memory, no call to libvirtd.
///
/// # Safety
/// `domain` is a valid domain.
unsafe fn domain_uuid(domain: sys::virDomainPtr) -> String {
    let mut buffer: [c_char; sys::VIR_UUID_STRING_BUFLEN as usize] = [0; sys::VIR_UUID_STRING_BUFLEN as usize];
    // SAFETY: the buffer has the documented length; on failure it stays an empty text.
    unsafe {
        sys::virDomainGetUUIDString(domain, buffer.as_mut_ptr());
        text(buffer.as_ptr())
    }
}

/// A copy of a C text; none is empty.
///
/// # Safety
/// `pointer` is null or a valid text.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: by the contract above.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

// SAFETY of all callbacks below: libvirt calls them from the event loop's thread with a valid domain, texts that are null or valid
// for the time of the call, and the box that was registered.

unsafe extern "C" fn on_lifecycle(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    event: c_int,
    detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: see above.
    unsafe { deliver(domain, opaque, |uuid| Event::Lifecycle { uuid, event: Lifecycle::from_raw(event, detail) }) };
    0
}

unsafe extern "C" fn on_reboot(_: sys::virConnectPtr, domain: sys::virDomainPtr, opaque: *mut c_void) {
    // SAFETY: see above.
    unsafe { deliver(domain, opaque, |uuid| Event::Reboot { uuid }) };
}

unsafe extern "C" fn on_rtc_change(_: sys::virConnectPtr, domain: sys::virDomainPtr, offset: c_longlong, opaque: *mut c_void) {
    // SAFETY: see above.
    unsafe { deliver(domain, opaque, |uuid| Event::RtcChange { uuid, offset }) };
}

unsafe extern "C" fn on_io_error(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    path: *const c_char,
    alias: *const c_char,
    action: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: see above.
    unsafe {
        deliver(domain, opaque, |uuid| Event::IoError {
            uuid,
            alias: text(alias),
            path: text(path),
            action: IoErrorAction::from_raw(action),
            reason: text(reason),
        });
    }
}

unsafe extern "C" fn on_graphics(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    phase: c_int,
    _local: *const sys::virDomainEventGraphicsAddress,
    remote: *const sys::virDomainEventGraphicsAddress,
    _scheme: *const c_char,
    _subject: *const sys::virDomainEventGraphicsSubject,
    opaque: *mut c_void,
) {
    // SAFETY: see above; `remote` is null or valid, its node null or a valid text.
    unsafe {
        deliver(domain, opaque, |uuid| {
            let client = remote.as_ref().map(|address| text(address.node)).unwrap_or_default();
            Event::Graphics { uuid, phase: GraphicsPhase::from_raw(phase), client }
        });
    }
}

unsafe extern "C" fn on_block_job(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    disk: *const c_char,
    kind: c_int,
    status: c_int,
    opaque: *mut c_void,
) {
    // SAFETY: see above.
    unsafe {
        deliver(domain, opaque, |uuid| Event::BlockJob {
            uuid,
            disk: text(disk),
            kind: BlockJobKind::from_raw(kind),
            status: BlockJobStatus::from_raw(status),
        });
    }
}

unsafe extern "C" fn on_watchdog(_: sys::virConnectPtr, domain: sys::virDomainPtr, action: c_int, opaque: *mut c_void) {
    // SAFETY: see above.
    unsafe { deliver(domain, opaque, |uuid| Event::Watchdog { uuid, action: WatchdogAction::from_raw(action) }) };
}

unsafe extern "C" fn on_balloon_change(_: sys::virConnectPtr, domain: sys::virDomainPtr, kib: c_ulonglong, opaque: *mut c_void) {
    // SAFETY: see above.
    unsafe { deliver(domain, opaque, |uuid| Event::BalloonChange { uuid, kib }) };
}

unsafe extern "C" fn on_device_added(_: sys::virConnectPtr, domain: sys::virDomainPtr, alias: *const c_char, opaque: *mut c_void) {
    // SAFETY: see above.
    unsafe { deliver(domain, opaque, |uuid| Event::DeviceAdded { uuid, alias: text(alias) }) };
}

unsafe extern "C" fn on_device_removed(_: sys::virConnectPtr, domain: sys::virDomainPtr, alias: *const c_char, opaque: *mut c_void) {
    // SAFETY: see above.
    unsafe { deliver(domain, opaque, |uuid| Event::DeviceRemoved { uuid, alias: text(alias) }) };
}

unsafe extern "C" fn on_close(_: sys::virConnectPtr, reason: c_int, opaque: *mut c_void) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `opaque` is the box that `register_close` made; it outlives the callback.
        let sink = unsafe { &*opaque.cast::<Arc<ConnectionSink>>() };
        let reason = match u32::try_from(reason) {
            Ok(sys::VIR_CONNECT_CLOSE_REASON_EOF) => "libvirt closed the connection",
            Ok(sys::VIR_CONNECT_CLOSE_REASON_KEEPALIVE) => "libvirt did not answer keep-alive messages",
            Ok(sys::VIR_CONNECT_CLOSE_REASON_CLIENT) => "the connection was closed here",
            _ => "the connection to libvirt broke",
        };
        sink.closed.send_replace(Some(reason.to_owned()));
    }));
}

/// Calls `tick` from the event loop every `milliseconds`, for the life of the process.
pub(crate) fn add_timer(milliseconds: c_int, tick: fn()) -> Result<(), Error> {
    unsafe extern "C" fn on_tick(_: c_int, opaque: *mut c_void) {
        // SAFETY: `opaque` is the function pointer that was given below, of this very type.
        let tick = unsafe { std::mem::transmute::<*mut c_void, fn()>(opaque) };
        let _ = catch_unwind(tick);
    }
    // SAFETY: a function pointer needs no freeing, so no free callback is given.
    let timer = unsafe { sys::virEventAddTimeout(milliseconds, Some(on_tick), tick as *mut c_void, None) };
    if timer < 0 { Err(Error::last_error()) } else { Ok(()) }
}

/// Sets an environment variable, if nobody can be reading it.
pub(crate) fn set_variable_alone(name: &str, value: &str) -> bool {
    let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
    if !matches!(threads, Ok(1)) {
        return false;
    }
    // SAFETY: this thread is the only one, as just counted, and it does not read the environment at the same time.
    unsafe { std::env::set_var(name, value) };
    true
}

/// Gives a running domain its share of CPU time against others (`cpu_shares`).
pub(crate) fn set_cpu_shares(domain: &Domain, shares: u64) -> Result<(), Error> {
    let mut parameters: sys::virTypedParameterPtr = std::ptr::null_mut();
    let (mut count, mut room): (c_int, c_int) = (0, 0);
    // SAFETY: the list is libvirt's own, grown by the first call and freed by the last; the name is a constant of libvirt's; the
    // domain's handle lives for the call.
    unsafe {
        let name = sys::VIR_DOMAIN_SCHEDULER_CPU_SHARES.as_ptr();
        let mut result = sys::virTypedParamsAddULLong(&mut parameters, &mut count, &mut room, name, shares);
        if result == 0 {
            result = sys::virDomainSetSchedulerParametersFlags(domain.as_ptr(), parameters, count, sys::VIR_DOMAIN_AFFECT_LIVE);
        }
        // Taken before the list is freed: freeing resets libvirt's last error.
        let outcome = if result < 0 { Err(Error::last_error()) } else { Ok(()) };
        sys::virTypedParamsFree(parameters, count);
        outcome
    }
}

/// Who has the domain's monitor (`virDomainGetControlInfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Nobody.
    Free,
    /// A long job, such as a migration, which lets others through.
    Job,
    /// A call that waits for QEMU's answer, for so long.
    Waiting(Duration),
    /// It is broken.
    Broken,
}

/// Reads libvirt's own memory; asks nothing of QEMU.
pub(crate) fn control(domain: &Domain) -> Result<Control, Error> {
    let mut info = sys::virDomainControlInfo { state: 0, details: 0, stateTime: 0 };
    // SAFETY: the handle lives for the call, and `info` is of the documented type.
    if unsafe { sys::virDomainGetControlInfo(domain.as_ptr(), &mut info, 0) } < 0 {
        return Err(Error::last_error());
    }
    Ok(match info.state {
        sys::VIR_DOMAIN_CONTROL_OK => Control::Free,
        sys::VIR_DOMAIN_CONTROL_JOB => Control::Job,
        sys::VIR_DOMAIN_CONTROL_OCCUPIED => Control::Waiting(Duration::from_millis(info.stateTime)),
        _ => Control::Broken,
    })
}

/// Statistics of all running domains, by uuid.
pub(crate) fn all_stats(connect: &Connect, groups: StatsGroups) -> Result<Vec<(String, DomainStats)>, Error> {
    let mut records: *mut sys::virDomainStatsRecordPtr = std::ptr::null_mut();
    let flags = sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE;
    // SAFETY: the connection is open; on success libvirt gives a list of that many records, which `take_records` frees.
    unsafe {
        let count = sys::virConnectGetAllDomainStats(connect.as_ptr(), groups.bits(), &mut records, flags);
        if count < 0 { Err(Error::last_error()) } else { Ok(take_records(records, count)) }
    }
}

/// Statistics of `domains`, by uuid. Those that have ended are left out.
pub(crate) fn stats_of(domains: &[Domain], groups: StatsGroups) -> Result<Vec<(String, DomainStats)>, Error> {
    if domains.is_empty() {
        return Ok(Vec::new());
    }
    let mut handles: Vec<sys::virDomainPtr> = domains.iter().map(Domain::as_ptr).chain([std::ptr::null_mut()]).collect();
    let mut records: *mut sys::virDomainStatsRecordPtr = std::ptr::null_mut();
    // SAFETY: the handles are valid while `domains` lives, and the list ends with null as documented; the result as in `all_stats`.
    unsafe {
        let count = sys::virDomainListGetStats(handles.as_mut_ptr(), groups.bits(), &mut records, 0);
        if count < 0 { Err(Error::last_error()) } else { Ok(take_records(records, count)) }
    }
}

/// Copies `count` records into our types and frees the list.
///
/// # Safety
/// `records` is a list of that many records, ended by null, that libvirt gave and nobody else has.
unsafe fn take_records(records: *mut sys::virDomainStatsRecordPtr, count: c_int) -> Vec<(String, DomainStats)> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: by the contract above; each record has a valid domain and `nparams` parameters, alive until the list is freed.
    unsafe {
        let taken = (0..count)
            .filter_map(|index| (*records.add(index)).as_ref())
            .map(|record| {
                let fields = (0..usize::try_from(record.nparams).unwrap_or(0)).filter_map(|index| field(&*record.params.add(index)));
                (domain_uuid(record.dom), DomainStats::from_record(fields))
            })
            .collect();
        sys::virDomainStatsRecordListFree(records);
        taken
    }
}

/// A parameter's name and value; none for a name or text that is not UTF-8, which libvirt's are, and for types it does not use here.
///
/// # Safety
/// The parameter is libvirt's: its name ends with zero and its type says which value it has.
unsafe fn field(parameter: &sys::virTypedParameter) -> Option<(&str, RawValue<'_>)> {
    let value = &parameter.value;
    // SAFETY: by the contract above, the field read is the one that the type names.
    unsafe {
        let name = CStr::from_ptr(parameter.field.as_ptr()).to_str().ok()?;
        let value = match u32::try_from(parameter.type_).ok()? {
            sys::VIR_TYPED_PARAM_INT => RawValue::Signed(value.i.into()),
            sys::VIR_TYPED_PARAM_UINT => RawValue::Unsigned(value.ui.into()),
            sys::VIR_TYPED_PARAM_LLONG => RawValue::Signed(value.l),
            sys::VIR_TYPED_PARAM_ULLONG => RawValue::Unsigned(value.ul),
            sys::VIR_TYPED_PARAM_BOOLEAN => RawValue::Flag(value.b != 0),
            sys::VIR_TYPED_PARAM_STRING if !value.s.is_null() => RawValue::Text(CStr::from_ptr(value.s).to_str().ok()?),
            _ => return None,
        };
        Some((name, value))
    }
}
