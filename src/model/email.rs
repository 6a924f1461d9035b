//! The shape of e-mail addresses.

/// The shape of an address: `local@domain`, local part of 1 to 64 characters, labels of 1 to 63 between dots,
/// and none of the characters that RFC 5322 section 3.2.3 allows only inside quotes. Any script may be used (RFC 6531).
pub(super) fn email_problem(email: &str) -> Option<&'static str> {
    let Some((local, domain)) = email.split_once('@') else {
        return Some("must have the shape local@domain");
    };
    if local.is_empty() || local.chars().count() > 64 {
        return Some("must have 1 to 64 characters before the @");
    }
    if domain.split('.').any(|label| label.is_empty() || label.chars().count() > 63) {
        return Some("must have labels of 1 to 63 characters between the dots after the @");
    }
    if local.chars().chain(domain.chars()).any(|c| c.is_whitespace() || EMAIL_REFUSED.contains(c)) {
        return Some("has a space or one of \" ( ) , : ; < > @ [ ] \\ where an address can't have it");
    }
    None
}

/// Refused in addresses beside white space and control characters.
pub const EMAIL_REFUSED: &str = "\"(),:;<>@[]\\";
