//! `jobs`: who holds what, what goes on after its call was answered, what a restart would look at, and what machines keep.

use serde::Serialize;
use vdsm_core::tree::Value;

use super::Answer;
use crate::tool::layout::section;
use crate::tool::reply::{NotUnderstood, list, text};

/// The leases that are held, the background list, the journal, and what subjects keep.
#[derive(Debug, Serialize)]
pub(in crate::tool) struct Jobs {
    leases: Vec<Lease>,
    background: Vec<Background>,
    written: Vec<Written>,
    kept: Vec<Kept>,
}

/// A lease and its holder.
#[derive(Debug, Serialize)]
struct Lease {
    lease: String,
    verb: String,
    job: String,
}

/// A job past its commit point that something keeps from its end.
#[derive(Debug, Serialize)]
struct Background {
    job: String,
    verb: String,
    /// What stands in its way.
    why: String,
}

/// A job as it is written.
#[derive(Debug, Serialize)]
struct Written {
    job: String,
    verb: String,
    /// `open`, `committed` or `unwinding`.
    phase: String,
}

/// What is taken back when its subject ends.
#[derive(Debug, Serialize)]
struct Kept {
    /// Kind and id.
    subject: String,
    step: String,
    job: String,
}

impl Answer for Jobs {
    fn read(value: Value<'_>) -> Result<Jobs, NotUnderstood> {
        let lease = |value: Value<'_>| Ok(Lease { lease: text(value, "lease")?, verb: text(value, "verb")?, job: text(value, "job")? });
        let background =
            |value: Value<'_>| Ok(Background { job: text(value, "job")?, verb: text(value, "verb")?, why: text(value, "why")? });
        let written = |value: Value<'_>| Ok(Written { job: text(value, "job")?, verb: text(value, "verb")?, phase: text(value, "phase")? });
        let kept = |value: Value<'_>| Ok(Kept { subject: text(value, "subject")?, step: text(value, "step")?, job: text(value, "job")? });
        Ok(Jobs {
            leases: list(value, "leases", lease)?,
            background: list(value, "background", background)?,
            written: list(value, "written", written)?,
            kept: list(value, "kept", kept)?,
        })
    }

    fn text(&self) -> String {
        let leases: Vec<[&str; 3]> = self.leases.iter().map(|held| [held.lease.as_str(), &held.verb, &held.job]).collect();
        let background: Vec<[&str; 3]> = self.background.iter().map(|job| [job.verb.as_str(), &job.job, &job.why]).collect();
        let written: Vec<[&str; 3]> = self.written.iter().map(|job| [job.verb.as_str(), &job.job, &job.phase]).collect();
        let kept: Vec<[&str; 3]> = self.kept.iter().map(|kept| [kept.subject.as_str(), &kept.step, &kept.job]).collect();
        section("leases held", &leases)
            + &section("in the background", &background)
            + &section("written", &written)
            + &section("kept", &kept)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use vdsm_core::tree::Tree;

    use super::super::{Style, show};
    use super::*;

    #[test]
    fn holders_and_what_is_left_to_do_are_told() {
        let tree = Tree::object(|out| {
            out.array_at("leases", |out| {
                _ = out.open_object().text_at("lease", "vm a").text_at("verb", "create").text_at("job", "7").close()
            });
            out.array_at("background", |out| {
                out.open_object().text_at("job", "8").text_at("verb", "destroy").text_at("why", "libvirt does not answer").close();
            });
            out.array_at("written", |out| {
                _ = out.open_object().text_at("job", "8").text_at("verb", "destroy").text_at("phase", "committed").close()
            });
            out.array_at("kept", |out| {
                _ = out.open_object().text_at("subject", "vm a").text_at("step", "vm.start").text_at("job", "7").close()
            });
        });
        let expected = "leases held (1)\n  vm a  create  7\nin the background (1)\n  destroy  8  libvirt does not answer\n\
            written (1)\n  destroy  8  committed\nkept (1)\n  vm a  vm.start  7\n";
        assert_eq!(show::<Jobs>(tree.root(), Style::Text).unwrap().text, expected);
    }

    #[test]
    fn a_host_at_rest_holds_nothing() {
        let tree = Tree::object(|out| {
            for part in ["leases", "background", "written", "kept"] {
                out.array_at(part, |_| ());
            }
        });
        assert_eq!(
            show::<Jobs>(tree.root(), Style::Text).unwrap().text,
            "leases held: none\nin the background: none\nwritten: none\nkept: none\n"
        );
    }
}
