//! The settings of `fd-store`.

use super::args::network::RunFdStoreArgs;
use super::settings::{LogConfig, field, log};
use super::sources::Sources;
use super::values::store_name;

/// The settings of `fd-store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdStoreConfig {
    /// The name by which servers find it.
    pub name: String,
    /// What is logged and how.
    pub log: LogConfig,
}

pub(super) fn fd_store(sources: &mut Sources<'_>, args: &RunFdStoreArgs) -> Option<FdStoreConfig> {
    let store = &args.store;
    let name = sources.written(field!(store.fd_store), |text| {
        store_name(text)?.ok_or_else(|| "is no name by which servers could find the store".to_owned())
    });
    let log = log(sources, &args.log);
    Some(FdStoreConfig { name: name?, log: log? })
}
