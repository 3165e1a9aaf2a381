//! The host: what a verb module may ask, and how a setting of its is read that several modules follow.

pub use crate::bindings::imports::vdsm::host::ask;

/// The pairs of the setting `compat.machine_aliases` (`pc-1.0=pc,rhel6.4.0=pc`) in its order: the name that managers know, and the
/// machine type that stands in for it. Each alias stands once and is no other's machine type. None where the text breaks these rules;
/// the host refuses such a `vdsm.conf`.
pub fn machine_aliases(setting: &str) -> Option<Vec<(String, String)>> {
    let items = setting.split(',').map(str::trim).filter(|item| !item.is_empty());
    let pairs = items.map(pair).collect::<Option<Vec<_>>>()?;
    let aliases = |name: &str| pairs.iter().filter(|(alias, _)| alias == name).count();
    let sound = pairs.iter().all(|(alias, machine)| aliases(alias) == 1 && aliases(machine) == 0);
    sound.then_some(pairs)
}

fn pair(item: &str) -> Option<(String, String)> {
    let (alias, machine) = item.split_once('=')?;
    let (alias, machine) = (alias.trim(), machine.trim());
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    (is_name(alias) && is_name(machine)).then(|| (alias.to_owned(), machine.to_owned()))
}

#[cfg(test)]
mod tests {
    //! The same rules as those of the host's own reader. Rung: pure.

    use super::*;

    #[test]
    fn aliases_keep_their_order() {
        let pairs = machine_aliases("rhel6.4.0 = pc,\n pc-1.0=pc,").unwrap_or_default();
        assert_eq!(pairs, [("rhel6.4.0".to_owned(), "pc".to_owned()), ("pc-1.0".to_owned(), "pc".to_owned())]);
        assert_eq!(machine_aliases(""), Some(Vec::new()));
    }

    #[test]
    fn what_the_host_refuses_is_none() {
        for wrong in ["pc-1.0", "=pc", "pc-1.0=", "a=b,b=c", "a=b,a=c", "a=a", "a b=c", "a=b=c"] {
            assert_eq!(machine_aliases(wrong), None, "{wrong}");
        }
    }
}
