//! Environment variables as a value, so that tests need not touch the process's own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::IpAddr;

/// What starts the name of each variable of this program.
pub(super) const PREFIX: &str = "ROSTER_";
/// What starts the name of each variable of the project's tests.
pub(super) const TESTS: &str = "ROSTER_TEST_";

/// A set of environment variables. `Debug` shows the names alone, since values may be secret.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// The variable's value; an empty one counts as unset, since a manifest often cannot leave one out.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// One message for each variable that has our prefix and no meaning: a typing error in a name would
    /// otherwise leave the default in force without a word.
    pub(super) fn unknown_variables(&self, known: &[String]) -> Vec<String> {
        let services = self.services();
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, _)| name.to_string_lossy())
            .filter(|name| name.starts_with(PREFIX) && !name.starts_with(TESTS))
            .filter(|name| !services.iter().any(|service| is_link(name, service)))
            .filter(|name| !known.iter().any(|known| known == name))
            .map(|name| match nearest(&name, known) {
                Some(nearest) => format!("{name:?} is not a known variable; the nearest is {nearest}"),
                None => format!("{name:?} is not a known variable"),
            })
            .collect()
    }

    /// What the variables of each Service begin with that Kubernetes tells this container about, such as `ROSTER` and
    /// `ROSTER_DATABASE`: by these, containers found each other before there was DNS. The address is always among them.
    fn services(&self) -> Vec<String> {
        let addresses = self
            .0
            .iter()
            .filter(|(_, value)| value.to_str().is_some_and(|value| value.parse::<IpAddr>().is_ok()));
        addresses
            .filter_map(|(name, _)| Some(name.to_str()?.strip_suffix("_SERVICE_HOST")?.to_owned()))
            .collect()
    }
}

/// Whether Kubernetes makes a variable of this name for that Service. Names of ports may be in it, and numbers.
fn is_link(name: &str, service: &str) -> bool {
    let Some(rest) = name.strip_prefix(service) else { return false };
    let Some(port) = rest.strip_prefix("_PORT_") else {
        return matches!(rest, "_SERVICE_HOST" | "_SERVICE_PORT" | "_PORT")
            || rest.starts_with("_SERVICE_PORT_");
    };
    let mut parts = port.split('_');
    parts.next().is_some_and(|number| number.parse::<u16>().is_ok())
        && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
        && matches!((parts.next(), parts.next()), (None | Some("PROTO" | "PORT" | "ADDR"), None))
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name))
}
