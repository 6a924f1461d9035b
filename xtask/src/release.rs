//! `cargo xtask release`: one static program, the same bytes from the same commit.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Failure, Workspace, say};

/// Static, with relocations in their short form, which glibc 2.36 was the first to read. Cargo parts them at 0x1f, so
/// that a path may hold spaces.
const FLAGS: &str = "-Ctarget-feature=+crt-static\u{1f}-Clink-arg=-Wl,-z,pack-relative-relocs";

/// The target of static builds on this machine.
///
/// # Errors
/// There is none for its processor.
pub(crate) fn triple() -> Result<&'static str, Failure> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64-unknown-linux-gnu"),
        "aarch64" => Ok("aarch64-unknown-linux-gnu"),
        other => {
            Err(Failure::new(format!("there are static builds for x86_64 and aarch64, not for {other}")))
        }
    }
}

/// What the command line asks for.
pub(crate) enum Task {
    /// Build into `target/static`.
    Build,
    /// Build twice from nothing, in two directories, and compare.
    Check,
    /// Print the build as a line for a shell, whose environment says `SOURCE_DATE_EPOCH`.
    Print,
}

impl Task {
    /// # Errors
    /// An argument is none of this command's.
    pub(crate) fn from_args(args: &[String]) -> Result<Self, Failure> {
        match args {
            [] => Ok(Self::Build),
            [only] if only == "--check" => Ok(Self::Check),
            [only] if only == "--print" => Ok(Self::Print),
            _ => Err(Failure::usage(format!("release takes --check or --print, not {:?}", args.join(" ")))),
        }
    }
}

/// Builds the release for this machine's own architecture, or tells how.
///
/// # Errors
/// A build fails, the program is not static, or two builds differ.
pub(crate) fn run(workspace: &Workspace, task: &Task) -> Result<(), Failure> {
    let directory = workspace.target.join("static");
    match task {
        Task::Build => build(workspace, &directory, &commit_time(workspace)?).map(|_| ()),
        Task::Check => check(workspace, &commit_time(workspace)?),
        Task::Print => {
            say(&shell::line(&command(workspace, &directory)?));
            Ok(())
        }
    }
}

/// Builds twice from nothing, in two directories, and compares.
fn check(workspace: &Workspace, epoch: &str) -> Result<(), Failure> {
    let mut built = Vec::new();
    for name in ["first", "second"] {
        let directory = workspace.target.join("reproduce").join(name);
        if directory.exists() {
            std::fs::remove_dir_all(&directory)
                .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
        }
        built.push(build(workspace, &directory, epoch)?);
    }
    if built[0] != built[1] {
        return Err(Failure::new("two builds of one commit differ: the release is not reproducible"));
    }
    say("the two builds are the same");
    Ok(())
}

/// Builds into a target directory and returns the program's SHA-256.
fn build(workspace: &Workspace, target: &Path, epoch: &str) -> Result<String, Failure> {
    shell::run(command(workspace, target)?.env("SOURCE_DATE_EPOCH", epoch))?;
    let program = target.join(triple()?).join("dist/roster");
    let bytes =
        std::fs::read(&program).map_err(|error| Failure::new(format!("{}: {error}", program.display())))?;
    if needs_loader(&bytes) != Some(false) {
        return Err(Failure::new(format!("{} is not a static program", program.display())));
    }
    let mut version = Command::new(&program);
    shell::without_settings(version.arg("version"));
    if !shell::succeeds(&mut version) {
        let cause = "it takes glibc 2.36 or newer to build one";
        return Err(Failure::new(format!("{} does not start: {cause}", program.display())));
    }
    let sum = shell::ask("sha256sum", &["--binary", &program.to_string_lossy()]);
    let sum = sum.and_then(|line| line.split_whitespace().next().map(str::to_owned));
    let sum = sum.ok_or_else(|| Failure::missing("sha256sum is missing (Debian: coreutils)"))?;
    say(&format!("{sum}  {} ({} bytes)", program.display(), bytes.len()));
    Ok(sum)
}

/// The build, with every path of this machine taken out of what it leaves in the program.
fn command(workspace: &Workspace, target: &Path) -> Result<Command, Failure> {
    let cargo_home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir().ok_or_else(|| Failure::new("CARGO_HOME is not set"))?.join(".cargo"),
    };
    // The last prefix that fits wins, and the target directory is usually inside the root.
    let prefixes = [(&*cargo_home, "/cargo"), (&*workspace.root, "/roster"), (target, "/target")];
    let mut rustflags = OsString::from(FLAGS);
    let mut cflags = OsString::new();
    for (from, to) in prefixes {
        rustflags.push("\u{1f}--remap-path-prefix=");
        cflags.push(if cflags.is_empty() { "-ffile-prefix-map=" } else { " -ffile-prefix-map=" });
        for flags in [&mut rustflags, &mut cflags] {
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
    }
    let mut command = workspace.cargo(&["build", "--profile", "dist", "--locked", "--bin", "roster"]);
    // With the target named, build scripts and macros are built without these flags.
    let triple = triple()?;
    command.args(["--target", triple, "--target-dir"]).arg(target);
    command.env("CARGO_ENCODED_RUSTFLAGS", rustflags).env_remove("RUSTFLAGS");
    command.env(format!("CFLAGS_{}", triple.replace('-', "_")), cflags);
    command.env("CARGO_INCREMENTAL", "0");
    // None in a release. The image of a test may want some.
    if let Ok(features) = std::env::var("ROSTER_BUILD_FEATURES")
        && !features.is_empty()
    {
        command.args(["--features", &features]);
    }
    // Where there is no Git, as in an image, the environment alone knows the commit. And rustup obeys the files
    // rust-toolchain that some dependencies bring, unless it was told which compiler to take.
    for name in ["ROSTER_BUILD_COMMIT", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    Ok(command)
}

/// `SOURCE_DATE_EPOCH` as given, or the seconds of the last commit.
pub(crate) fn commit_time(workspace: &Workspace) -> Result<String, Failure> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        let number = epoch.parse::<u64>().map(|_| epoch);
        return number.map_err(|_| Failure::usage("SOURCE_DATE_EPOCH is not a number of seconds since 1970"));
    }
    let root = workspace.root.to_string_lossy();
    shell::ask("git", &["-C", &root, "log", "-1", "--format=%ct"])
        .ok_or_else(|| Failure::new("no commit to take SOURCE_DATE_EPOCH from: set it"))
}

/// Whether a 64-bit little-endian ELF file asks for a dynamic loader (a `PT_INTERP` segment);
/// `None` if it is no such file.
fn needs_loader(elf: &[u8]) -> Option<bool> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, length: usize| {
        let bytes = elf.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (start, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    for index in 0..count {
        let header = usize::try_from(start.checked_add(index * size)?).ok()?;
        if number(header, 4)? == PT_INTERP {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::{command, needs_loader};
    use crate::shell::{self, Workspace};

    // Otherwise the line that an image is built with takes the compiler that a dependency names.
    #[test]
    fn the_printed_build_keeps_to_the_compiler_that_rustup_chose() {
        let workspace = Workspace::locate().unwrap_or_else(|failure| panic!("{}", failure.message));
        let line = command(&workspace, &workspace.target).map(|command| shell::line(&command));
        let line = line.unwrap_or_else(|failure| panic!("{}", failure.message));
        if let Ok(name) = std::env::var("RUSTUP_TOOLCHAIN") {
            assert!(line.contains(&format!(" RUSTUP_TOOLCHAIN='{name}'")), "{line}");
        }
    }

    #[test]
    fn a_loader_is_seen_in_the_program_headers() {
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(0x40, 0);
        (elf[0x20], elf[0x36], elf[0x38]) = (0x40, 0x38, 1);
        elf.resize(0x40 + 0x38, 0);
        elf[0x40] = 1;
        assert_eq!(needs_loader(&elf), Some(false));
        elf[0x40] = 3;
        assert_eq!(needs_loader(&elf), Some(true));
        assert_eq!(needs_loader(&elf[..0x42]), None);
        assert_eq!(needs_loader(b"#!/bin/sh\n"), None);
    }
}
