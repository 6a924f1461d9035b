//! Values for the tests of all settings.

/// Settings without which one would be refused.
pub(super) fn companions(id: &str) -> &'static [(&'static str, &'static str)] {
    match id {
        "oidc_issuers_file" => &[],
        "fd_store" | "log" | "log_format" => &[("ROSTER_FD_STORE", "roster")],
        "tls_cert" => &[("ROSTER_TLS_KEY", "tls.key")],
        "tls_key" => &[("ROSTER_TLS_CERT", "tls.crt")],
        id if id.starts_with("oidc_") => {
            &[("ROSTER_OIDC_ISSUER", "https://id.example"), ("ROSTER_OIDC_AUDIENCE", "roster")]
        }
        _ => &[],
    }
}

/// A valid value for each setting that is not its default.
pub(super) fn sample(id: &str) -> &'static str {
    match id {
        "database_url" => "postgres://h/d",
        "migrate" => "off",
        "read_only" | "insecure_http" => "yes",
        "listen" | "ops_listen" => "[::1]:1234",
        "log_format" => "json",
        "log" => "warn",
        "url" => "https://h",
        "use_profile" => "other",
        "ca_file" => "/ca.pem",
        "output" => "csv",
        "trusted_proxies" => "10.0.0.0/8,::1",
        "bootstrap_token_file" => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/token"),
        "failed_credentials_per_minute"
        | "requests_per_second"
        | "max_connections"
        | "max_body_bytes"
        | "min_drain_rate"
        | "database_connections" => "77",
        "oidc_issuer" => "https://other.example",
        "oidc_issuers_file" => concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/oidc/tests/issuers.toml"),
        "oidc_role_map" => "staff=reader",
        _ => "77ms",
    }
}
