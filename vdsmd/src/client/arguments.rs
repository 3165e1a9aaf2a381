//! The command line up to the command, and which server it names.

use std::str::FromStr;

use clap::Parser;

use super::commands;
use super::show::Style;

/// VDSM's `management_port`.
const DEFAULT_PORT: u16 = 54321;

/// Calls one verb of a host and shows its reply.
#[derive(Debug, Parser)]
#[command(name = "vdsClient", version, about, after_help = commands::overview())]
pub(super) struct Options {
    /// Speak TLS
    #[arg(short = 's', long = "SSL")]
    pub(super) tls: bool,
    /// One line a value
    #[arg(short, long, conflicts_with = "json")]
    oneliner: bool,
    /// Print the whole reply as JSON, types kept
    #[arg(long)]
    json: bool,
    /// `host[:port]`; `0` is this host; the port is 54321 unless given
    pub(super) server: String,
    /// One of the commands below and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_names = ["COMMAND", "ARGUMENTS"])]
    words: Vec<String>,
}

impl Options {
    /// The command and its arguments.
    pub(super) fn command(&self) -> (&str, &[String]) {
        self.words.split_first().map_or(("", &[]), |(command, arguments)| (command, arguments))
    }

    /// How to show replies.
    pub(super) fn style(&self) -> Style {
        match (self.json, self.oneliner) {
            (true, _) => Style::Json,
            (false, true) => Style::OneLine,
            (false, false) => Style::Pretty,
        }
    }
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why a text names no server.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no server: host, host:port, [IPv6 address]:port, or 0 for this host")]
pub(super) struct ServerError(String);

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Server, ServerError> {
        let refused = || ServerError(text.to_owned());
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(refused)?;
                (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(refused)?) })
            }
            // More than one colon: an IPv6 address as such.
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| refused()))?;
        match host {
            "" => Err(refused()),
            "0" => Ok(Server { host: "127.0.0.1".into(), port }),
            _ => Ok(Server { host: host.into(), port }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    fn server(host: &str, port: u16) -> Result<Server, ServerError> {
        Ok(Server { host: host.into(), port })
    }

    #[test]
    fn servers_are_read_as_vdsm_reads_them() {
        assert_eq!("0".parse(), server("127.0.0.1", 54321));
        assert_eq!("0:4000".parse(), server("127.0.0.1", 4000));
        assert_eq!("host.example".parse(), server("host.example", 54321));
        assert_eq!("10.0.0.1:1".parse(), server("10.0.0.1", 1));
        assert_eq!("fe80::1".parse(), server("fe80::1", 54321));
        assert_eq!("[::1]:99".parse(), server("::1", 99));
        assert_eq!("[::1]".parse(), server("::1", 54321));
        for wrong in ["", ":1", "host:", "host:x", "host:70000", "[::1", "[::1]99"] {
            assert_eq!(wrong.parse::<Server>(), Err(ServerError(wrong.into())));
        }
    }

    #[test]
    fn options_come_first_and_what_follows_the_command_is_its_own() {
        let options = Options::try_parse_from(["vdsClient", "-o", "0", "shutdown", "vm", "-1", "--json"]).unwrap();
        assert_eq!((options.server.as_str(), options.style()), ("0", Style::OneLine));
        let (command, arguments) = options.command();
        assert_eq!((command, arguments), ("shutdown", &["vm", "-1", "--json"].map(str::to_owned)[..]));
        assert_eq!(Options::try_parse_from(["vdsClient", "0", "create", "-h"]).unwrap().command().1, ["-h"]);
        assert_eq!(Options::try_parse_from(["vdsClient", "--json", "0", "ping"]).unwrap().style(), Style::Json);
        assert!(Options::try_parse_from(["vdsClient", "0"]).is_err());
        assert!(Options::try_parse_from(["vdsClient", "-o", "--json", "0", "ping"]).is_err());
    }
}
