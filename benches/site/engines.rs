//! The databases that are measured: a SQLite file, or a PostgreSQL cluster as `initdb` makes it.

use std::path::{Path, PathBuf};
use std::{env, fmt, fs, process};

use diesel::sql_types::Text;
use diesel::{Connection, RunQueryDsl, SqliteConnection};

use super::it::postgres::Cluster;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One file.
    Sqlite,
    /// A server of its own, its commits on the disk.
    Postgres,
}

impl Kind {
    /// Reads a name.
    pub fn parse(name: &str) -> Self {
        match name {
            "sqlite" => Self::Sqlite,
            "postgres" => Self::Postgres,
            _ => panic!("no engine is called {name}: sqlite, postgres"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// A fresh database, gone with this.
pub struct Database {
    folder: PathBuf,
    cluster: Option<(Cluster, String)>,
}

impl Database {
    /// A new one; none where the machine has no PostgreSQL, which has been said then.
    pub fn fresh(kind: Kind) -> Option<Self> {
        let cluster = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => {
                let cluster = Cluster::durable()?;
                let url = cluster.database(|_| ());
                Some((cluster, url))
            }
        };
        Some(Self { folder: fresh_folder("load"), cluster })
    }

    /// Which engine it is.
    pub fn kind(&self) -> Kind {
        if self.cluster.is_some() { Kind::Postgres } else { Kind::Sqlite }
    }

    /// Where the server runs; SQLite's file is in it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its URL, as the configuration takes it.
    pub fn url(&self) -> String {
        match &self.cluster {
            Some((_, url)) => url.clone(),
            None => format!("sqlite://{}", self.file().display()),
        }
    }

    /// PostgreSQL's first process.
    pub fn postmaster(&self) -> Option<u32> {
        let (cluster, url) = self.cluster.as_ref()?;
        let folder = cluster.sql(url, "show data_directory");
        let file = fs::read_to_string(Path::new(&folder).join("postmaster.pid")).expect("the server has its file");
        file.lines().next()?.trim().parse().ok()
    }

    /// One number, asked beside the server.
    pub fn number(&self, sql: &str) -> u64 {
        let found = self.column(sql);
        found.first().and_then(|number| number.parse().ok()).expect("a number that is not negative")
    }

    /// What was acknowledged is there, and nothing else: each of these questions has this answer.
    pub fn confirm(&self, expected: &[(&str, u64)]) {
        for (sql, expected) in expected {
            assert_eq!(self.number(sql), *expected, "{sql}");
        }
    }

    /// One column of texts or whole numbers, asked beside the server.
    pub fn column(&self, sql: &str) -> Vec<String> {
        match &self.cluster {
            Some((cluster, url)) => cluster.sql(url, sql).lines().map(str::to_owned).collect(),
            None => {
                let file = self.file();
                let mut conn = SqliteConnection::establish(file.to_str().expect("text")).expect("SQLite opens");
                let named = format!("with found(line) as ({sql}) select cast(line as text) as line from found");
                let lines: Vec<Line> = diesel::sql_query(named).load(&mut conn).expect("SQLite answers");
                lines.into_iter().map(|row| row.line).collect()
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("orders.db")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Best effort: what is left lies in the folder of temporary files.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A new folder that nobody else uses, among the temporary files.
pub fn fresh_folder(purpose: &str) -> PathBuf {
    let made = (0..).map(|number| env::temp_dir().join(format!("crypto-orders-{purpose}-{}-{number}", process::id())));
    let mut free = made.filter(|folder| fs::create_dir_all(env::temp_dir()).is_ok() && fs::create_dir(folder).is_ok());
    free.next().expect("there is a free name")
}
