//! Who calls, and what they may do.

pub mod oidc;
