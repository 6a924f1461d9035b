//! The role that `roster migrate --grant-to` gives rights to.

use super::DatabaseUrl;

/// The longest name that PostgreSQL tells from others, in bytes; it cuts what is longer.
const NAME_MAX: usize = 63;

/// What is wrong with a role's name. PostgreSQL takes `public` and `none` for no role's name, quoted or not: rights
/// given to the first would be everybody's.
pub(super) fn problem(role: &str, url: &DatabaseUrl) -> Option<&'static str> {
    if url.sqlite_path().is_some() {
        return Some("SQLite has no roles that rights could be given to");
    }
    if ["public", "none"].iter().any(|reserved| role.eq_ignore_ascii_case(reserved)) {
        return Some("public and none are no roles: name the one with which the servers connect");
    }
    let fine = !role.is_empty() && role.len() <= NAME_MAX && !role.contains('\0');
    (!fine).then_some("a role's name has 1 to 63 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_given_to_a_role_and_not_to_everybody() {
        let url = |text: &str| DatabaseUrl::parse(text).unwrap();
        let postgres = url("postgres://owner@localhost/people");
        for (role, refused) in [
            ("roster", false),
            ("Ana \"the first\"", false),
            ("public", true),
            ("PUBLIC", true),
            ("none", true),
            ("", true),
            (&"x".repeat(64), true),
        ] {
            assert_eq!(problem(role, &postgres).is_some(), refused, "{role}");
        }
        assert!(problem("roster", &url("sqlite:people.db")).is_some());
    }
}
