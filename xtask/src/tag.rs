//! `cargo xtask tag`: whether everything that names a version agrees with the tag of a release.

use std::path::Path;

use crate::shell::{Failure, Workspace, say};

const USAGE: &str = "usage: cargo xtask tag vMAJOR.MINOR.PATCH";
const CHART: &str = "deploy/helm/roster/Chart.yaml";

/// Checks the tag against Cargo.toml, the chart and CHANGELOG.md, and prints the release's notes.
///
/// # Errors
/// They disagree, or a file cannot be read.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    let [tag] = args else { return Err(Failure::usage(USAGE)) };
    let version = version_of(tag).ok_or_else(|| Failure::usage(format!("{tag:?} is no version; {USAGE}")))?;
    let read = |path: &str| {
        let file = workspace.root.join(Path::new(path));
        std::fs::read_to_string(&file).map_err(|error| Failure::new(format!("{path}: {error}")))
    };
    let changelog = read("CHANGELOG.md")?;
    let broken = disagreements(version, &read("Cargo.toml")?, &read(CHART)?, &changelog);
    if !broken.is_empty() {
        return Err(Failure::new(format!("{tag} is not to be released: {}", broken.join("; "))));
    }
    say(&section(&changelog, version).unwrap_or_default().join("\n"));
    Ok(())
}

/// `1.2.3` of `v1.2.3`. There are no pre-releases: what is tagged is for everybody.
fn version_of(tag: &str) -> Option<&str> {
    let version = tag.strip_prefix('v')?;
    let numbers: Vec<&str> = version.split('.').collect();
    let plain = |number: &&str| {
        number.bytes().all(|byte| byte.is_ascii_digit())
            && number.parse::<u64>().is_ok()
            && (*number == "0" || !number.starts_with('0'))
    };
    (numbers.len() == 3 && numbers.iter().all(plain)).then_some(version)
}

fn disagreements(version: &str, manifest: &str, chart: &str, changelog: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let mut compare = |place: &str, found: Option<&str>| match found {
        Some(found) if found == version => {}
        Some(found) => broken.push(format!("{place} is {found}")),
        None => broken.push(format!("{place} is missing")),
    };
    compare("the version in Cargo.toml", package_version(manifest));
    for key in ["version", "appVersion"] {
        compare(&format!("{key} in {CHART}"), chart_value(chart, key));
    }
    match section(changelog, version) {
        None => broken.push(format!("CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`")),
        Some(notes) if notes.is_empty() => {
            broken.push(format!("the section of {version} in CHANGELOG.md is empty"));
        }
        Some(_) => {}
    }
    if section(changelog, "Unreleased").is_some_and(|left| !left.is_empty()) {
        broken.push("CHANGELOG.md still has lines under Unreleased".to_owned());
    }
    broken
}

fn package_version(manifest: &str) -> Option<&str> {
    let package = manifest.split("\n[package]\n").nth(1)?;
    let mut lines = package.lines().take_while(|line| !line.starts_with('['));
    lines.find_map(|line| line.strip_prefix("version = ")).map(|value| value.trim_matches('"'))
}

fn chart_value<'a>(chart: &'a str, key: &str) -> Option<&'a str> {
    let value = chart.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(value.split('#').next()?.trim().trim_matches('"'))
}

/// The lines of a version's section, without empty ones around them; a released one has a date.
fn section<'a>(changelog: &'a str, version: &str) -> Option<Vec<&'a str>> {
    let head = format!("## [{version}]");
    let mut lines = changelog.lines().skip_while(|line| !line.starts_with(&head));
    let rest = lines.next()?.strip_prefix(&head)?;
    if version != "Unreleased" && !rest.strip_prefix(" - ").is_some_and(is_date) {
        return None;
    }
    let mut body: Vec<&str> =
        lines.take_while(|line| !line.starts_with("## ")).skip_while(|line| line.is_empty()).collect();
    while body.last().is_some_and(|line| line.is_empty()) {
        body.pop();
    }
    Some(body)
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([4, 2, 2])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace.package]\nversion = \"9.9.9\"\n\n[package]\nname = \"roster\"\nversion = \"1.2.3\"\n\n[dependencies]\nclap = \"4\"\n";
    const CHART_YAML: &str =
        "apiVersion: v2\nname: roster\nversion: 1.2.3\nappVersion: \"1.2.3\" # the program's\n";
    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n\n- Lists.\n\n## [1.2.2] - 2026-01-01\n\n- First.\n";

    #[test]
    fn a_tag_is_a_plain_version() {
        assert_eq!(version_of("v1.20.0"), Some("1.20.0"));
        for tag in ["1.2.3", "v1.2", "v1.2.3-rc.1", "v01.2.3", "v1.2.x", "v1..3", "v1.2.+3", "v"] {
            assert_eq!(version_of(tag), None, "{tag}");
        }
    }

    #[test]
    fn one_version_everywhere_is_released() {
        assert_eq!(disagreements("1.2.3", MANIFEST, CHART_YAML, CHANGELOG), Vec::<String>::new());
        assert_eq!(section(CHANGELOG, "1.2.3").unwrap(), ["### Added", "", "- Lists."]);
    }

    #[test]
    fn each_place_that_disagrees_is_named() {
        let all = disagreements("1.2.4", MANIFEST, CHART_YAML, CHANGELOG);
        assert_eq!(
            all,
            [
                "the version in Cargo.toml is 1.2.3",
                "version in deploy/helm/roster/Chart.yaml is 1.2.3",
                "appVersion in deploy/helm/roster/Chart.yaml is 1.2.3",
                "CHANGELOG.md has no section `## [1.2.4] - YYYY-MM-DD`",
            ]
        );
        let chart = CHART_YAML.replace("appVersion", "kubeVersion");
        let one = disagreements("1.2.3", MANIFEST, &chart, CHANGELOG);
        assert_eq!(one, ["appVersion in deploy/helm/roster/Chart.yaml is missing"]);
    }

    #[test]
    fn a_changelog_that_is_not_ready_is_refused() {
        let refused = |changelog: &str| disagreements("1.2.3", MANIFEST, CHART_YAML, changelog);
        let left = CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n");
        assert_eq!(refused(&left), ["CHANGELOG.md still has lines under Unreleased"]);
        let undated = CHANGELOG.replace(" - 2026-01-31", "");
        assert_eq!(refused(&undated), ["CHANGELOG.md has no section `## [1.2.3] - YYYY-MM-DD`"]);
        let empty = CHANGELOG.replace("### Added\n\n- Lists.\n", "");
        assert_eq!(refused(&empty), ["the section of 1.2.3 in CHANGELOG.md is empty"]);
    }

    #[test]
    fn the_project_s_own_manifest_is_understood() {
        let workspace = Workspace::locate().ok().unwrap();
        let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml")).unwrap();
        let tag = format!("v{}", package_version(&manifest).unwrap());
        assert!(version_of(&tag).is_some(), "{tag}");
    }
}
