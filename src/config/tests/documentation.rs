//! The help and docs/configuration.md say what the definitions say.

use std::collections::BTreeMap;

use clap::Arg;

use super::run;
use crate::config::definitions::{self, file_variable, is_setting, leaves, variable, variables};
use crate::config::environment::TESTS;

/// The commands within `users`.
const USERS: [&str; 6] = ["list", "get", "find", "create", "update", "delete"];

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");

/// The rows of the table in docs/configuration.md, in the order of the help of `serve`.
fn rows() -> Vec<String> {
    let all = definitions::all();
    let mut order = Vec::new();
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (serve, others): (Vec<_>, Vec<_>) = leaves(&all).into_iter().partition(|(name, _)| name == "serve");
    for (name, subcommand) in serve.into_iter().chain(others) {
        for arg in subcommand.get_arguments().filter(|arg| is_setting(arg)) {
            let row = row(arg);
            let users = users.entry(row.clone()).or_default();
            if users.is_empty() {
                order.push(row);
            }
            users.push(name.clone());
        }
    }
    let names = |row: &String| {
        let names = users[row].join(", ");
        // Where all of them have it, they are told by their common name.
        names.replace(&USERS.map(|name| format!("users {name}")).join(", "), "users")
    };
    order.iter().map(|row| format!("| {row} | {} |", names(row))).collect()
}

fn row(arg: &Arg) -> String {
    let id = arg.get_id().as_str();
    let file = file_variable(id).map_or(String::new(), |file| format!(", `{file}`"));
    let default = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<String>();
    let default = if default.is_empty() { "none".to_owned() } else { format!("`{default}`") };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.split(" [env:").next().unwrap_or_default();
    let flag = arg.get_long().expect("a setting is a flag");
    format!("`--{flag}` | `{}`{file} | {default} | {help}", variable(id))
}

#[test]
fn the_page_has_a_row_for_each_setting_and_no_other() {
    let page = std::fs::read_to_string(PAGE).expect(PAGE);
    let written: Vec<&str> = page.lines().filter(|line| line.starts_with("| `--")).collect();
    let rows = rows();
    assert!(written == rows, "the table in docs/configuration.md should be:\n{}", rows.join("\n"));
}

#[test]
fn the_help_of_serve_has_each_of_its_variables() {
    let help = run("serve --help", &[]).expect_err("help").message;
    let serve = definitions::all();
    let serve = serve.find_subcommand("serve").expect("serve");
    for arg in serve.get_arguments().filter(|arg| is_setting(arg)) {
        let id = arg.get_id().as_str();
        let default = arg.get_default_values()[0].to_string_lossy();
        let default = Some(format!("[default: {default}]")).filter(|_| !default.is_empty());
        for part in [Some(variable(id)), default, file_variable(id)].into_iter().flatten() {
            assert!(help.contains(&part), "{part}");
        }
        assert!(!arg.get_help().expect("each flag has help").to_string().is_empty());
    }
}

#[test]
fn the_help_reads_as_a_manual() {
    let help = run("--help", &[]).expect_err("help").message;
    for part in ["Usage: roster", "Commands:", "Examples:", "Settings:", "Exit codes:"] {
        assert!(help.contains(part), "{part}");
    }
    for subcommand in definitions::all().get_subcommands() {
        let about = subcommand.get_about().expect("each subcommand has a description").to_string();
        assert!(help.contains(&format!("  {}", subcommand.get_name())) && help.contains(&about), "{about}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn no_variable_of_ours_is_taken_for_one_of_others() {
    let variables = variables(&definitions::all());
    assert!(variables.len() > 18);
    // Kubernetes' variables end in a Service's host or port, or go on with more about the port.
    let foreign =
        |name: &String| name.starts_with(TESTS) || ["_HOST", "_PORT"].iter().any(|part| name.contains(part));
    assert!(!variables.iter().any(foreign), "{variables:?}");
}
