//! What `roster config`, `completions` and `man` print.

use std::io;

use clap_complete::Shell;
use clap_mangen::Man;
use serde_json::{Value, json};

use super::definitions;
use super::sources::EffectiveSetting;

/// A table of three columns, `name`, `value` and `source`, one setting per line, with a newline at the
/// end.
pub fn settings_table(settings: &[EffectiveSetting]) -> String {
    let width = |column: fn(&EffectiveSetting) -> &str, title: &str| {
        settings.iter().map(|setting| column(setting).chars().count()).max().unwrap_or(0).max(title.len())
    };
    let name = width(|setting| &setting.name, "name");
    let value = width(|setting| &setting.value, "value");
    let mut table = format!("{:name$}  {:value$}  source\n", "name", "value");
    for setting in settings {
        let line = format!("{:name$}  {:value$}  {}\n", setting.name, setting.value, setting.source);
        table.push_str(&line);
    }
    table
}

/// A JSON array of objects whose members are the strings `name`, `env`, `value` and `source`, with a
/// newline at the end.
pub fn settings_json(settings: &[EffectiveSetting]) -> String {
    let settings: Vec<Value> = settings
        .iter()
        .map(|setting| {
            json!({
                "name": setting.name,
                "env": setting.env,
                "value": setting.value,
                "source": setting.source.to_string(),
            })
        })
        .collect();
    format!("{:#}\n", Value::from(settings))
}

/// The completion script for `shell`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definitions::all(), "roster", &mut script);
    script
}

/// The manual page in roff, section 1: one page with a section for each subcommand, since a page of its
/// own for each could not be printed by one command.
///
/// # Errors
///
/// None in practice: it is written to memory.
pub fn manual() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut command = definitions::all().disable_help_subcommand(true);
    command.build();
    let top = Man::new(command.clone());
    top.render_title(&mut page)?;
    top.render_name_section(&mut page)?;
    top.render_synopsis_section(&mut page)?;
    top.render_description_section(&mut page)?;
    for (name, subcommand) in definitions::leaves(&command) {
        let mut section = Vec::new();
        let subcommand_page = Man::new(subcommand.clone());
        subcommand_page.render_synopsis_section(&mut section)?;
        subcommand_page.render_description_section(&mut section)?;
        subcommand_page.render_options_section(&mut section)?;
        let section = String::from_utf8_lossy(&section).replace("\n.SH ", "\n.SS ");
        let title = name.to_uppercase();
        page.extend_from_slice(format!(".SH \"ROSTER {title}\"\n{section}").as_bytes());
    }
    top.render_extra_section(&mut page)?;
    top.render_version_section(&mut page)?;
    Ok(page)
}
