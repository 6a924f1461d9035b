//! Environment variables as a value, so that tests need not touch the process's own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// What starts the name of each variable of this program.
pub(super) const PREFIX: &str = "ROSTER_";

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
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        let services = self.services();
        set.map(|(name, _)| name.to_string_lossy())
            .filter(|name| name.starts_with(PREFIX) && !is_foreign(name))
            .filter(|name| !services.iter().any(|service| tells_of(service, name)))
            .filter(|name| !known.iter().any(|known| known == name))
            .map(|name| match nearest(&name, known) {
                Some(nearest) => format!("{name:?} is not a known variable; the nearest is {nearest}"),
                None => format!("{name:?} is not a known variable"),
            })
            .collect()
    }

    /// What the variables of Kubernetes' other Services begin with: `ROSTER_DATABASE_` of one called `roster-database`.
    /// Both its host and its port are there.
    fn services(&self) -> Vec<String> {
        let names = self.0.keys().filter_map(|name| name.to_str());
        let starts = names.filter_map(|name| name.strip_suffix("SERVICE_HOST"));
        starts
            .filter(|start| start.starts_with(PREFIX) && start.ends_with('_'))
            .filter(|start| self.get(&format!("{start}SERVICE_PORT")).is_some())
            .map(ToOwned::to_owned)
            .collect()
    }
}

/// Whether Kubernetes set the name for the Service whose variables begin with `start`.
fn tells_of(start: &str, name: &str) -> bool {
    let rest = name.strip_prefix(start);
    rest.is_some_and(|rest| rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_"))
}

/// Whether the name is left to others: to the tests, or to Kubernetes, which gives each container the
/// address of a Service called `roster` in variables such as `ROSTER_SERVICE_HOST` and `ROSTER_PORT`.
pub(super) fn is_foreign(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    rest == "PORT" || ["TEST_", "SERVICE_", "PORT_"].iter().any(|start| rest.starts_with(start))
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name))
}
