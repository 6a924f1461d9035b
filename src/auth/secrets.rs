//! Where the secrets of tokens come from.

use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::model::secret::Secret;

/// A new secret of 256 bits from the operating system's generator, which alone is fit for it; the error is its own.
pub fn draw() -> Result<Secret, String> {
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
    Ok(Secret::from_random(bytes))
}
