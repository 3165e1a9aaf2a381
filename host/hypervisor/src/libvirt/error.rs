//! How a libvirt call ends when it does not succeed.

use virt_sys as sys;

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// libvirt knows no such domain.
    #[error("no such domain")]
    NoDomain,
    /// No answer within the call's time, or to an earlier call on the same domain that is still stuck. What the call wanted may still
    /// happen: look before doing it again.
    #[error("libvirt did not answer in time")]
    Deadline,
    /// There is no connection, or it broke during the call (then the outcome is unknown, as with `Deadline`).
    #[error("not connected to libvirt: {0}")]
    Disconnected(String),
    /// The call was not made: the calls before it took all its time, or there are too many of them.
    #[error("libvirt is busy with calls that came before")]
    Busy,
    /// An argument cannot be given to libvirt, or what it gave cannot be read.
    #[error("{0}")]
    Argument(String),
    /// The call ended without saying how, by a fault of ours that the log names; its outcome is unknown.
    #[error("the call ended without an outcome")]
    Lost,
    /// libvirt's own refusal.
    #[error("libvirt: {message} (code {code}, domain {domain})")]
    Libvirt {
        /// `virErrorNumber`.
        code: u32,
        /// `virErrorDomain`: the part of libvirt that raised it.
        domain: u32,
        /// libvirt's text.
        message: String,
    },
}

impl CallError {
    /// libvirt's `operation is not valid`: the domain is in a state that does not allow the call.
    pub fn is_operation_invalid(&self) -> bool {
        self.has_code(sys::VIR_ERR_OPERATION_INVALID)
    }

    /// libvirt itself gave up waiting for the domain (its lock, its monitor).
    pub fn is_libvirt_timeout(&self) -> bool {
        self.has_code(sys::VIR_ERR_OPERATION_TIMEOUT)
    }

    /// The driver has no such function, as the test driver for many.
    pub fn is_unsupported(&self) -> bool {
        self.has_code(sys::VIR_ERR_NO_SUPPORT)
    }

    /// Whether what the call wanted may have happened or may still happen.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, CallError::Deadline | CallError::Disconnected(_) | CallError::Lost)
    }

    fn has_code(&self, wanted: u32) -> bool {
        matches!(self, CallError::Libvirt { code, .. } if *code == wanted)
    }
}

impl From<virt::error::Error> for CallError {
    fn from(error: virt::error::Error) -> CallError {
        let (code, domain) = (error.code().to_raw(), error.domain().to_raw());
        if code == sys::VIR_ERR_NO_DOMAIN {
            CallError::NoDomain
        } else if is_connection_loss(code, domain) {
            CallError::Disconnected(error.message().to_owned())
        } else {
            CallError::Libvirt { code, domain, message: error.message().to_owned() }
        }
    }
}

/// What VDSM took for a lost connection: these codes, raised by the parts that carry calls.
fn is_connection_loss(code: u32, domain: u32) -> bool {
    let carrier = matches!(domain, sys::VIR_FROM_REMOTE | sys::VIR_FROM_RPC);
    let broken =
        matches!(code, sys::VIR_ERR_SYSTEM_ERROR | sys::VIR_ERR_INTERNAL_ERROR | sys::VIR_ERR_NO_CONNECT | sys::VIR_ERR_INVALID_CONN);
    (carrier && broken) || code == sys::VIR_ERR_INVALID_CONN
}
