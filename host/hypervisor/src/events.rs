//! What libvirt says unasked, told to the machines it is about.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use vdsm_core::clock;

use crate::adoption::{end, meet};
use crate::libvirt::{Event, GraphicsPhase, IoErrorAction, Lifecycle, Stopped, Suspended, WatchdogAction};
use crate::room::Room;
use crate::steps::START_LIMIT;
use crate::vm::state::{Input, IoAction, PauseCode, State, Stop, Suspension};

/// How often a start under way is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Follows events until libvirt's side is closed.
pub(crate) async fn follow(room: Arc<Room>, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        match &event {
            Event::Connected { epoch } => {
                tracing::info!(epoch, "libvirt is there");
                room.resync.notify_one();
            }
            Event::Lost => {
                tracing::warn!("libvirt events were lost");
                room.resync.notify_one();
            }
            Event::Disconnected { reason } => {
                tracing::warn!(reason, "libvirt is gone");
                lose_sight(&room).await;
            }
            Event::Lifecycle { .. }
            | Event::Reboot { .. }
            | Event::RtcChange { .. }
            | Event::IoError { .. }
            | Event::Graphics { .. }
            | Event::BlockJob { .. }
            | Event::Watchdog { .. }
            | Event::BalloonChange { .. }
            | Event::DeviceAdded { .. }
            | Event::DeviceRemoved { .. } => tell(&room, &event).await,
        }
    }
    tracing::error!("libvirt events have ended");
}

async fn lose_sight(room: &Arc<Room>) {
    for (id, view) in room.vms.view().iter() {
        if view.record.machine.state() != State::Down {
            apply(room, id, &Input::OutOfSight).await;
        }
    }
}

async fn tell(room: &Arc<Room>, event: &Event) {
    let Some(uuid) = event.uuid() else { return };
    let view = room.vms.of_domain(uuid).filter(|view| view.record.machine.state() != State::Down);
    let Some(view) = view else {
        if let Event::Lifecycle { event: Lifecycle::Started(_), .. } = event {
            tokio::spawn(meet(room.clone(), uuid.to_owned()));
        }
        return;
    };
    let id = &view.record.id;
    match meaning(event) {
        Meaning::Input(input) => apply(room, id, &input).await,
        Meaning::Ended(stop) => drop(tokio::spawn(ended(room.clone(), id.clone(), stop))),
        Meaning::DevicesChanged => drop(tokio::spawn(read_again(room.clone(), id.clone()))),
        Meaning::Nothing => {}
    }
}

async fn apply(room: &Arc<Room>, id: &str, input: &Input) {
    if let Err(error) = room.vms.apply(id, input, clock::now()).await {
        tracing::error!(vm = id, %error, "an event cannot be written down");
    }
}

/// A stop may be told of a domain that another of the same uuid has followed: then it is old news. While the start of a machine
/// is at work the news wait: the start decides whether there ever was something that could stop.
async fn ended(room: Arc<Room>, id: String, stop: Stop) {
    let deadline = tokio::time::Instant::now() + START_LIMIT;
    while is_starting(&room, &id) && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    match room.is_running_ours(&id).await {
        Ok(true) => return,
        Ok(false) => {}
        Err(error) => tracing::warn!(vm = id, %error, "libvirt says that it stopped, and cannot be asked"),
    }
    end(&room, &id, Input::Stopped(stop)).await;
}

fn is_starting(room: &Arc<Room>, id: &str) -> bool {
    room.vms.get(id).is_some_and(|view| view.record.machine.state() == State::WaitForLaunch)
}

async fn read_again(room: Arc<Room>, id: String) {
    if let Err(error) = room.look(&id).await {
        tracing::warn!(vm = id, %error, "its devices changed and cannot be read");
    }
}

/// What an event means here.
enum Meaning {
    Input(Input),
    Ended(Stop),
    DevicesChanged,
    Nothing,
}

fn meaning(event: &Event) -> Meaning {
    match event {
        Event::Lifecycle { event, .. } => lifecycle(*event),
        Event::Reboot { .. } => Meaning::Input(Input::Rebooted),
        Event::RtcChange { offset, .. } => Meaning::Input(Input::ClockChanged(*offset)),
        Event::IoError { action, reason, .. } => Meaning::Input(Input::IoError(io_action(*action), PauseCode::of_reason(reason))),
        Event::Graphics { phase, client, .. } => graphics(*phase, client),
        Event::Watchdog { action, .. } => {
            watchdog(*action).map_or(Meaning::Nothing, |action| Meaning::Input(Input::WatchdogFired(action.to_owned())))
        }
        Event::DeviceAdded { .. } | Event::DeviceRemoved { .. } => Meaning::DevicesChanged,
        Event::BlockJob { .. } | Event::BalloonChange { .. } | Event::Connected { .. } | Event::Disconnected { .. } | Event::Lost => {
            Meaning::Nothing
        }
    }
}

fn lifecycle(event: Lifecycle) -> Meaning {
    match event {
        Lifecycle::Stopped(reason) => Meaning::Ended(stop(reason)),
        Lifecycle::Suspended(Suspended::Paused) => Meaning::Input(Input::Suspended(Suspension::Paused)),
        Lifecycle::Suspended(
            Suspended::Migrated
            | Suspended::IoError
            | Suspended::Watchdog
            | Suspended::Restored
            | Suspended::FromSnapshot
            | Suspended::ApiError
            | Suspended::Postcopy
            | Suspended::PostcopyFailed
            | Suspended::Other(_),
        ) => Meaning::Input(Input::Suspended(Suspension::Other)),
        Lifecycle::Resumed(_) => Meaning::Input(Input::Resumed),
        Lifecycle::Defined
        | Lifecycle::Undefined
        | Lifecycle::Started(_)
        | Lifecycle::Shutdown(_)
        | Lifecycle::PmSuspended
        | Lifecycle::Crashed
        | Lifecycle::Other { .. } => Meaning::Nothing,
    }
}

fn stop(reason: Stopped) -> Stop {
    match reason {
        Stopped::Shutdown => Stop::Shutdown,
        Stopped::Migrated => Stop::Migrated,
        Stopped::Saved => Stop::Saved,
        Stopped::Destroyed | Stopped::Crashed | Stopped::Failed | Stopped::FromSnapshot | Stopped::Other(_) => Stop::Other,
    }
}

fn io_action(action: IoErrorAction) -> IoAction {
    match action {
        IoErrorAction::Pause => IoAction::Pause,
        IoErrorAction::Ignored | IoErrorAction::Report | IoErrorAction::Other(_) => IoAction::Report,
    }
}

fn graphics(phase: GraphicsPhase, client: &str) -> Meaning {
    match phase {
        GraphicsPhase::Initialize => Meaning::Input(Input::ClientConnected(client.to_owned())),
        GraphicsPhase::Disconnect => Meaning::Input(Input::ClientGone),
        GraphicsPhase::Connect | GraphicsPhase::Other(_) => Meaning::Nothing,
    }
}

/// VDSM's words; none for an action it had none for.
fn watchdog(action: WatchdogAction) -> Option<&'static str> {
    match action {
        WatchdogAction::Ignored => Some("ignore"),
        WatchdogAction::Pause => Some("pause"),
        WatchdogAction::Reset => Some("reset"),
        WatchdogAction::PowerOff => Some("destroy"),
        WatchdogAction::Shutdown => Some("shutdown"),
        WatchdogAction::Debug => Some("log"),
        WatchdogAction::InjectNmi | WatchdogAction::Other(_) => None,
    }
}
