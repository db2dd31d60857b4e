//! Group commit: what waits is written in one transaction, and only then answered.
//!
//! One writer per process takes changesets from a bounded queue. There is no waiting timer: while one group
//! is being written the next one gathers by itself. Only the writer writes orders; only an order's own
//! actor hands it a change of that order.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::changeset::{Changeset, CommitError, Committed};
use super::group::{GroupError, Verdict};
use super::sqlite::file::ServedFile;
use super::{StoreError, postgres, sqlite};
use crate::clock::{Clock, MonotonicTime};
use crate::domain::time::{Span, Timestamp};
use crate::repeats::Repeats;
use crate::supervision::contained;

/// How many changesets may wait; past that the caller is told to come again.
pub const WRITER_QUEUE_MAX: usize = 8_192;
/// How many changesets one transaction takes.
const GROUP_MAX: usize = 256;
/// How long PostgreSQL may take over one group before its outcome is given up as unknown.
const GROUP_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that was used within this time is taken to be open still.
const IN_USE: Span = Span::millis(5);
/// How long it may take over a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Groups that failed.
static NOT_STORED: Repeats = Repeats::new();

/// The handle to the writer. Clones share it; the writer ends when the last one is gone.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Job>);

/// Work on the writer's own connection that is not a changeset: on SQLite the only way to write.
pub type SideWork = Box<dyn for<'a> FnOnce(&'a mut sqlite::Conn) -> BoxFuture<'a, ()> + Send>;

enum Job {
    Commit(Box<Changeset>, oneshot::Sender<Result<Committed, CommitError>>),
    Aside(Aside),
}

/// What is done between two groups.
enum Aside {
    Work(SideWork),
    Probe(Timestamp, oneshot::Sender<Result<(), StoreError>>),
}

struct Waiting {
    changeset: Changeset,
    answer: oneshot::Sender<Result<Committed, CommitError>>,
}

impl Writer {
    /// A writer on its connection, and the loop that must be run for it.
    pub fn new(connection: Connection) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(WRITER_QUEUE_MAX);
        (Self(sender), run(connection, receiver))
    }

    /// Answers once the changeset is durable, or why it is not. The work goes on if the caller gives up.
    ///
    /// # Errors
    /// [`CommitError`]: certainly not stored, perhaps stored, judged on stale data, or too much waiting.
    pub async fn commit(&self, changeset: Changeset) -> Result<Committed, CommitError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Job::Commit(Box::new(changeset), answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommitError::Busy,
            mpsc::error::TrySendError::Closed(_) => CommitError::Unavailable("the writer has stopped".to_owned()),
        })?;
        answered.await.unwrap_or_else(|_| Err(CommitError::Unknown("the writer stopped meanwhile".to_owned())))
    }

    /// Runs `work` on the writer's connection between two groups.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the writer has stopped.
    pub async fn aside(&self, work: SideWork) -> Result<(), StoreError> {
        let stopped = |_| StoreError::Unavailable("the writer has stopped".to_owned());
        self.0.send(Job::Aside(Aside::Work(work))).await.map_err(stopped)
    }

    /// Writes and commits a little on the writer's own connection, in its turn.
    ///
    /// # Errors
    /// [`StoreError`] if an order could not be written.
    pub async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Job::Aside(Aside::Probe(now, answer))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Unavailable(CommitError::Busy.to_string()),
            mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable("it has stopped".to_owned()),
        })?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable("it has stopped".to_owned())))
    }
}

/// The writer's own connection.
pub enum Connection {
    /// The file's only writer.
    Sqlite {
        /// The file.
        file: ServedFile,
        /// Open, unless it failed.
        conn: Option<Box<sqlite::Conn>>,
    },
    /// A connection of its own, opened again when it is lost.
    Postgres {
        /// Where.
        database_url: String,
        /// The shard of the totals that this writer adds to, once it has one.
        shard: Option<i64>,
        /// Open, unless it was lost.
        conn: Option<WriterConnection>,
    },
}

impl Connection {
    async fn group_commit(&mut self, sets: &[Changeset]) -> Result<Vec<Verdict>, GroupError> {
        match self {
            Self::Sqlite { file, conn } => {
                let open = open_sqlite(file, conn).await.map_err(GroupError::NotStored)?;
                let result = sqlite::commit::group_commit(open, sets, 0).await;
                // Whatever state a failure left behind must not meet the next group.
                let usable = match &result {
                    Ok(_) => true,
                    Err(GroupError::NotStored(_)) => sqlite::is_idle(open).await,
                    Err(GroupError::Unknown(_)) => false,
                };
                if !usable {
                    *conn = None;
                }
                // What went into a file that is gone by now must not be acknowledged.
                let verdicts = result?;
                file.check().map(|()| verdicts).map_err(|lost| GroupError::Unknown(lost.to_string()))
            }
            Self::Postgres { database_url, shard, conn } => {
                // A connection may have been lost since its last use; what is certainly not stored can be tried again.
                let known = conn.is_some();
                match commit_to_postgres(database_url, shard, conn, sets).await {
                    Err(GroupError::NotStored(StoreError::Unavailable(_))) if known => {
                        commit_to_postgres(database_url, shard, conn, sets).await
                    }
                    result => result,
                }
            }
        }
    }

    async fn probe(&mut self, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { file, conn } => sqlite::upkeep::probe_write(open_sqlite(file, conn).await?, 0, now).await,
            Self::Postgres { database_url, shard, conn } => {
                // A connection may have been lost since its last use; a probe can simply be tried again.
                let known = conn.is_some();
                match probe_postgres(database_url, shard, conn, now).await {
                    Err(StoreError::Unavailable(_)) if known => probe_postgres(database_url, shard, conn, now).await,
                    probed => probed,
                }
            }
        }
    }

    /// Forgets the connection, with whatever was left open on it; the next work opens another.
    fn close(&mut self) {
        match self {
            Self::Sqlite { conn, .. } => *conn = None,
            Self::Postgres { conn, .. } => *conn = None,
        }
    }

    async fn aside(&mut self, work: SideWork) {
        if let Self::Sqlite { file, conn } = self
            && let Ok(conn) = open_sqlite(file, conn).await
        {
            work(conn).await;
        }
    }
}

/// The connection, to the file that was opened at first and to no other.
async fn open_sqlite<'a>(
    file: &ServedFile,
    conn: &'a mut Option<Box<sqlite::Conn>>,
) -> Result<&'a mut sqlite::Conn, StoreError> {
    let open = match conn.take() {
        Some(open) => open,
        None => Box::new(sqlite::Conn::new(file.connect_writer()?)),
    };
    let open = conn.insert(open);
    if let Err(lost) = file.check() {
        if file.is_in_place() {
            // Only the log's name is gone: what it has goes into the file as long as it is open here.
            sqlite::copy_back(open).await?;
        }
        return Err(lost);
    }
    Ok(open)
}

/// The writer's connection to PostgreSQL.
pub struct WriterConnection {
    conn: Box<postgres::Conn>,
    /// The time of its last commit.
    used_at: Option<MonotonicTime>,
}

/// The connection, to be put back if it is still good afterwards, and the writer's shard.
async fn open_postgres(
    database_url: &str,
    shard: &mut Option<i64>,
    conn: &mut Option<WriterConnection>,
) -> Result<(WriterConnection, i64), StoreError> {
    let mut open = match conn.take() {
        Some(open) => open,
        None => WriterConnection { conn: Box::new(postgres::connect(database_url).await?), used_at: None },
    };
    let claimed = match *shard {
        Some(claimed) => claimed,
        None => *shard.insert(postgres::shard_claim(&mut open.conn).await?),
    };
    Ok((open, claimed))
}

/// Writes a group, and keeps the connection only if all went well: with any other goes whatever was left open on it.
async fn commit_to_postgres(
    database_url: &str,
    shard: &mut Option<i64>,
    conn: &mut Option<WriterConnection>,
    sets: &[Changeset],
) -> Result<Vec<Verdict>, GroupError> {
    let (mut open, shard) = open_postgres(database_url, shard, conn).await.map_err(GroupError::NotStored)?;
    // An idle connection may have been lost unnoticed. After a single statement on it the outcome would be unknown; a
    // failed begin leaves nothing behind.
    let is_in_use = open.used_at.is_some_and(|at| Clock::system().monotonic().since(at) < IN_USE);
    let work = async {
        if is_in_use {
            postgres::single_statement::group_commit(&mut open.conn, sets, shard).await
        } else {
            postgres::commit::group_commit(&mut open.conn, sets, shard).await
        }
    };
    let verdicts = tokio::time::timeout(GROUP_TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(GroupError::Unknown("PostgreSQL did not answer in time".to_owned())))?;
    open.used_at = Some(Clock::system().monotonic());
    *conn = Some(open);
    Ok(verdicts)
}

/// Probes, and keeps the connection only if it answered.
async fn probe_postgres(
    database_url: &str,
    shard: &mut Option<i64>,
    conn: &mut Option<WriterConnection>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (mut open, shard) = open_postgres(database_url, shard, conn).await?;
    let late = |_| StoreError::Unavailable("PostgreSQL did not answer in time".to_owned());
    // Each writer has a row of its own: none waits for another's.
    tokio::time::timeout(PROBE_TIMEOUT, postgres::upkeep::probe_write(&mut open.conn, shard, now))
        .await
        .map_err(late)??;
    *conn = Some(open);
    Ok(())
}

async fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let mut next = Some(job);
        let mut group = Vec::new();
        let mut aside = None;
        while let Some(job) = next {
            match job {
                Job::Commit(changeset, answer) => group.push(Waiting { changeset: *changeset, answer }),
                Job::Aside(work) => {
                    aside = Some(work);
                    break;
                }
            }
            next = if group.len() < GROUP_MAX { jobs.try_recv().ok() } else { None };
        }
        let work = async {
            write_group(&mut connection, group).await;
            match aside {
                Some(Aside::Work(work)) => connection.aside(work).await,
                // Nobody to hear it is no failure: the caller gave up.
                Some(Aside::Probe(now, answer)) => drop(answer.send(connection.probe(now).await)),
                None => {}
            }
        };
        // Whoever waited for what was not done any more is told that its outcome is unknown.
        if contained("writer", work).await.is_none() {
            connection.close();
        }
    }
}

/// Writes a group. A stale member is answered and the others are tried again without it; a member that
/// the database cannot take for another reason must not take the others with it, so they go one by one.
async fn write_group(connection: &mut Connection, mut group: Vec<Waiting>) {
    while !group.is_empty() {
        let (sets, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.changeset, waiting.answer)).unzip();
        let result = connection.group_commit(&sets).await;
        let members = sets.into_iter().zip(answers).map(|(changeset, answer)| Waiting { changeset, answer });
        group = match result {
            Ok(verdicts) => answer_group(members, verdicts),
            Err(GroupError::NotStored(error @ StoreError::Broken(_))) if members.len() > 1 => {
                tracing::warn!(%error, "a group was refused; its members go one by one");
                for member in members.collect::<Vec<_>>() {
                    Box::pin(write_group(connection, vec![member])).await;
                }
                Vec::new()
            }
            Err(error) => {
                answer_failed(members, &error);
                Vec::new()
            }
        };
    }
}

/// Answers those whose fate is sealed; gives back those that must be tried again.
fn answer_group(members: impl Iterator<Item = Waiting>, verdicts: Vec<Verdict>) -> Vec<Waiting> {
    let rolled_back = verdicts.contains(&Verdict::Conflict);
    let mut again = Vec::new();
    for (member, verdict) in members.zip(verdicts) {
        let answer = match verdict {
            Verdict::Conflict => Err(CommitError::Conflict),
            Verdict::Done | Verdict::SeenBefore | Verdict::KeyTaken(_) if rolled_back => {
                again.push(member);
                continue;
            }
            Verdict::Done => Ok(Committed::Done),
            Verdict::SeenBefore => Ok(Committed::SeenBefore),
            Verdict::KeyTaken(record) => Ok(Committed::KeyTaken(record)),
        };
        // Nobody to hear it is no failure: the work was to be done all the same.
        drop(member.answer.send(answer));
    }
    again
}

fn answer_failed(members: impl Iterator<Item = Waiting>, error: &GroupError) {
    let answer = match error {
        GroupError::NotStored(StoreError::Unavailable(cause)) => CommitError::Unavailable(cause.clone()),
        GroupError::NotStored(cause) => CommitError::Unavailable(cause.to_string()),
        GroupError::Unknown(cause) => CommitError::Unknown(cause.clone()),
    };
    if let Some(unlogged) = NOT_STORED.count(&answer.to_string()) {
        tracing::error!(error = %answer, unlogged, "a group of commits failed");
    }
    for member in members {
        drop(member.answer.send(Err(answer.clone())));
    }
}
