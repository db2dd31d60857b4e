//! Which PostgreSQL binaries the tests use, and as whom they run.
//!
//! `initdb` and the server refuse to run as root, so root hands them to an ordinary user. Nothing is
//! installed here: `tests/run` does that.

use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs, io};

/// What to do where PostgreSQL is missing.
const REMEDY: &str =
    "install its server, or set PG_BIN to the folder that holds `initdb` (tests/run does it on Debian)";

/// The folder of PostgreSQL's binaries, and the user to run them as.
#[derive(Clone)]
pub struct Programs {
    bin: PathBuf,
    /// Whom root hands them to; none where we are an ordinary user ourselves.
    servant: Option<Servant>,
}

/// An ordinary user.
#[derive(Clone)]
struct Servant {
    user: u32,
    group: u32,
}

impl Programs {
    /// The binaries of this machine, looked for once. None if there are none, which is said once then.
    ///
    /// # Panics
    /// If there are none and `CI=true`: a run that promises everything must not skip half of it.
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Option<Programs>> = OnceLock::new();
        FOUND.get_or_init(Self::look).clone()
    }

    fn look() -> Option<Self> {
        let Some(bin) = bin() else {
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "no PostgreSQL on this machine: {REMEDY}");
            // Not `eprintln`, which a passing test keeps to itself.
            let line = "\n!!! SKIPPED: every test on PostgreSQL. There is none on this machine: ";
            drop(writeln!(io::stderr(), "{line}{REMEDY}\n"));
            return None;
        };
        let servant = (id(&["-u"]) == Some(0)).then(|| Servant::find().expect("root finds postgres or nobody"));
        Some(Self { bin, servant })
    }

    /// One of the binaries, to be run in that folder by a user that it accepts.
    pub fn command(&self, name: &str, folder: &Path) -> Command {
        let program = self.bin.join(name);
        let mut command = match &self.servant {
            None => Command::new(program),
            Some(servant) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={}", servant.user)).arg(format!("--regid={}", servant.group));
                command.args(["--clear-groups", "--"]).arg(program);
                command
            }
        };
        forget_environment(&mut command);
        command.current_dir(folder);
        command
    }

    /// The client: beside the server's binaries, or wherever the machine has it.
    pub fn psql(&self) -> Command {
        let beside = self.bin.join("psql");
        let mut command = Command::new(if beside.is_file() { beside } else { PathBuf::from("psql") });
        forget_environment(&mut command);
        command
    }

    /// Makes a folder the property of the user that runs the binaries.
    pub fn give(&self, folder: &Path) {
        if let Some(servant) = &self.servant {
            chown(folder, Some(servant.user), Some(servant.group)).expect("root may give folders away");
        }
    }
}

impl Servant {
    fn find() -> Option<Self> {
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Some(Self { user: id(&["-u", name])?, group: id(&["-g", name])? }))
    }
}

/// Lets a child live on when the terminal interrupts this process and everything beside it.
pub fn in_a_group_of_its_own(command: &mut Command) {
    command.process_group(0);
}

/// Takes away what the user has set for servers of his own.
fn forget_environment(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
}

/// The folder with `initdb`: as told, from the path, or the newest where Debian keeps them.
fn bin() -> Option<PathBuf> {
    let has_initdb = |folder: &PathBuf| folder.join("initdb").is_file();
    if let Some(told) = env::var_os("PG_BIN").map(PathBuf::from) {
        assert!(has_initdb(&told), "PG_BIN is {}, but there is no initdb", told.display());
        return Some(told);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).find(has_initdb).or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let number = |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
        versions.map(|version| version.path().join("bin")).filter(has_initdb).max_by_key(number)
    })
}

/// What `id` says; none if it does not know.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
