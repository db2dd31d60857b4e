//! The commands of a page of `docs/`, pasted into a terminal as its reader would.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::TestApp;
use crate::engines::fresh_folder;

/// What stands under a heading of a page.
pub fn section(page: &'static str, heading: &str) -> &'static str {
    let (_, after) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    after.split("\n## ").next().unwrap_or(after)
}

/// The commands in a part of a page, line by line.
pub fn commands(part: &'static str) -> Vec<&'static str> {
    let blocks = part.split("```bash\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).collect()
}

/// The command under a heading that has this in it.
pub fn command(page: &'static str, heading: &str, part: &str) -> &'static str {
    let found = commands(section(page, heading)).into_iter().find(|command| command.contains(part));
    found.unwrap_or_else(|| panic!("no command with {part} under {heading}"))
}

/// A terminal in which the reader has set variables; `BASE` and the keys are those of the service.
pub struct Terminal<'a> {
    pub app: &'a TestApp,
    pub variables: Vec<(&'static str, String)>,
}

impl Terminal<'_> {
    /// What a command prints.
    pub async fn paste(&self, command: &str) -> String {
        self.paste_in(&std::env::temp_dir(), command).await
    }

    /// What a command prints, as JSON.
    pub async fn paste_json(&self, command: &str) -> Value {
        let printed = self.paste(command).await;
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{command}\n{printed}"))
    }

    /// The file that a command leaves under this name.
    pub async fn paste_for(&self, name: &str, command: &str) -> String {
        let folder = fresh_folder("terminal");
        self.paste_in(&folder, command).await;
        std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{command}: {name}: {error}"))
    }

    async fn paste_in(&self, folder: &Path, command: &str) -> String {
        let mut bash = Command::new("bash");
        bash.args(["-c", command]).current_dir(folder).env("BASE", self.app.base());
        bash.env("ADMIN_KEY", &self.app.operator).env("KEY", &self.app.customer);
        bash.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::spawn_blocking(move || bash.output()).await.expect("it ends").expect("bash runs");
        assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}
