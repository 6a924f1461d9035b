//! Who calls, and what they may do.

pub mod bearer;
pub mod caller;
pub mod gate;
pub mod limits;
pub mod oidc;
pub mod secrets;
pub mod tokens;
