//! Group commit: what waits is written in one transaction, and only then answered.
//!
//! One writer per process takes changesets from a bounded queue. There is no waiting timer: while one group
//! is being written the next one gathers by itself. Only the writer writes orders; only an order's own
//! actor hands it a change of that order.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::changeset::{Changeset, CommitError, Committed, KeyRecord};
use super::{StoreError, postgres, sqlite};

/// How many changesets may wait; past that the caller is told to come again.
pub const WRITER_QUEUE_MAX: usize = 8_192;
/// How many changesets one transaction takes.
const GROUP_MAX: usize = 256;
/// How long PostgreSQL may take over one group before its outcome is given up as unknown.
const GROUP_TIMEOUT: Duration = Duration::from_secs(10);

/// What became of one changeset of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is written.
    Done,
    /// Its IPN was seen before: counted, nothing else.
    SeenBefore,
    /// Its key was used before: nothing is written.
    KeyTaken(KeyRecord),
    /// It was judged on stale data: nothing is written.
    Conflict,
}

/// Why a group as a whole is not, or perhaps not, durable.
#[derive(Debug)]
pub enum GroupError {
    /// Certainly not.
    NotStored(StoreError),
    /// Nobody knows.
    Unknown(String),
}

/// The handle to the writer. Clones share it; the writer ends when the last one is gone.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Job>);

/// Work on the writer's own connection that is not a changeset: on SQLite the only way to write.
pub type SideWork = Box<dyn for<'a> FnOnce(&'a mut sqlite::Conn) -> BoxFuture<'a, ()> + Send>;

enum Job {
    Commit(Box<Changeset>, oneshot::Sender<Result<Committed, CommitError>>),
    Side(SideWork),
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
        self.0.send(Job::Side(work)).await.map_err(stopped)
    }
}

/// The writer's own connection.
pub enum Connection {
    /// The file's only writer.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Open, unless it failed.
        conn: Option<Box<sqlite::Conn>>,
    },
    /// A connection of its own, opened again when it is lost.
    Postgres {
        /// Where.
        database_url: String,
        /// Open, unless it was lost, with the shard it holds.
        conn: Option<(Box<postgres::Conn>, i64)>,
    },
}

impl Connection {
    async fn group_commit(&mut self, sets: &[Changeset]) -> Result<Vec<Verdict>, GroupError> {
        match self {
            Self::Sqlite { path, conn } => {
                let open = match conn.take() {
                    Some(open) => open,
                    None => Box::new(sqlite::Conn::new(
                        sqlite::connect(path, sqlite::Purpose::Write).map_err(GroupError::NotStored)?,
                    )),
                };
                let open = conn.insert(open);
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
                result
            }
            Self::Postgres { database_url, conn } => {
                let (mut open, shard) = match conn.take() {
                    Some(open) => open,
                    None => open_postgres(database_url).await.map_err(GroupError::NotStored)?,
                };
                let work = postgres::commit::group_commit(&mut open, sets, shard);
                // On any failure the connection is dropped, and with it whatever was left open on it.
                let result = tokio::time::timeout(GROUP_TIMEOUT, work)
                    .await
                    .unwrap_or_else(|_| Err(GroupError::Unknown("PostgreSQL did not answer in time".to_owned())));
                if result.is_ok() {
                    *conn = Some((open, shard));
                }
                result
            }
        }
    }

    async fn aside(&mut self, work: SideWork) {
        if let Self::Sqlite { path, conn } = self {
            if conn.is_none() {
                *conn =
                    sqlite::connect(path, sqlite::Purpose::Write).ok().map(|open| Box::new(sqlite::Conn::new(open)));
            }
            if let Some(conn) = conn {
                work(conn).await;
            }
        }
    }
}

async fn open_postgres(database_url: &str) -> Result<(Box<postgres::Conn>, i64), StoreError> {
    let mut conn = postgres::connect(database_url).await?;
    let shard = postgres::shard_claim(&mut conn).await?;
    Ok((Box::new(conn), shard))
}

async fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let mut next = Some(job);
        let mut group = Vec::new();
        let mut side = None;
        while let Some(job) = next {
            match job {
                Job::Commit(changeset, answer) => group.push(Waiting { changeset: *changeset, answer }),
                Job::Side(work) => {
                    side = Some(work);
                    break;
                }
            }
            next = if group.len() < GROUP_MAX { jobs.try_recv().ok() } else { None };
        }
        write_group(&mut connection, group).await;
        if let Some(work) = side {
            connection.aside(work).await;
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
        GroupError::NotStored(cause) => CommitError::Unavailable(cause.to_string()),
        GroupError::Unknown(cause) => CommitError::Unknown(cause.clone()),
    };
    tracing::error!(error = %answer, "a group of commits failed");
    for member in members {
        drop(member.answer.send(Err(answer.clone())));
    }
}
