//! The IPN secret of a development machine: generated once, kept beside the SQLite file.
//!
//! It never serves a listener that others can reach: there the operator's own must be set.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use crate::clock;

use super::{Secret, Settings, values};

/// The file's name in the data folder.
const FILE_NAME: &str = "ipn-secret";

/// Where the IPN secret in use came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpnSecretOrigin {
    /// The operator set it.
    Configured,
    /// It was generated, now or earlier, and stands in this file.
    Generated(PathBuf),
    /// There is none: IPNs are answered 404.
    Missing,
}

/// Why there is no IPN secret to serve with.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Others can reach the listener, and only a generated secret would protect it.
    #[error(
        "no IPN secret is set, and a generated one is refused on {0}, which others can reach: \
         set CRYPTO_ORDERS_IPN_SECRET to the one from the provider's dashboard, \
         or CRYPTO_ORDERS_LISTEN to a loopback address such as 127.0.0.1:8080"
    )]
    NotLoopback(std::net::SocketAddr),
    /// The file is there, but holds no secret.
    #[error("{} holds no IPN secret: delete it to have one generated, or set CRYPTO_ORDERS_IPN_SECRET", .0.display())]
    Damaged(PathBuf),
    /// The file cannot be read or made.
    #[error("the generated IPN secret in {} cannot be used", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Gives a server its IPN secret: what is configured, else what was generated, else a fresh one.
///
/// # Errors
/// [`SecretFileError`] where a generated secret is refused, or its file cannot be used.
pub fn settle_ipn_secret(settings: &mut Settings) -> Result<IpnSecretOrigin, SecretFileError> {
    if !settings.ipn_secrets.is_empty() {
        return Ok(IpnSecretOrigin::Configured);
    }
    if !settings.listens_on_loopback() {
        return Err(SecretFileError::NotLoopback(settings.listen));
    }
    // Nodes of one PostgreSQL may stand on several machines; each would make a secret of its own.
    let Some(folder) = settings.data_folder() else { return Ok(IpnSecretOrigin::Missing) };
    let path = folder.join(FILE_NAME);
    let secret = match generate(&folder, &path) {
        Ok(secret) => secret,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path)?,
        Err(source) => return Err(SecretFileError::Unusable { path, source }),
    };
    settings.ipn_secrets = vec![secret];
    Ok(IpnSecretOrigin::Generated(path))
}

/// The IPN secret that a server with these settings uses; nothing is generated.
///
/// # Errors
/// [`SecretFileError`] if there is a file of a generated one that cannot be used.
pub fn known_ipn_secret(settings: &Settings) -> Result<Option<Secret>, SecretFileError> {
    if let Some(newest) = settings.ipn_secrets.first() {
        return Ok(Some(newest.clone()));
    }
    let Some(folder) = settings.data_folder() else { return Ok(None) };
    let path = folder.join(FILE_NAME);
    if path.exists() { read(&path).map(Some) } else { Ok(None) }
}

fn read(path: &Path) -> Result<Secret, SecretFileError> {
    let text =
        fs::read_to_string(path).map_err(|source| SecretFileError::Unusable { path: path.to_path_buf(), source })?;
    values::ipn_secret(&text).ok_or_else(|| SecretFileError::Damaged(path.to_path_buf()))
}

fn generate(folder: &Path, path: &Path) -> io::Result<Secret> {
    if !folder.as_os_str().is_empty() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let secret = HEXLOWER.encode(&clock::random_bytes::<16>());
    file.write_all(format!("{secret}\n").as_bytes())?;
    file.sync_all()?;
    Ok(Secret::new(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    struct Folder(PathBuf);

    impl Folder {
        fn fresh() -> Self {
            let name = HEXLOWER.encode(&clock::random_bytes::<8>());
            Self(std::env::temp_dir().join(format!("crypto-orders-secret-{name}")))
        }

        fn settings(&self, more: &[(&'static str, &str)]) -> Settings {
            let database = ("database_url", format!("sqlite://{}/orders.db", self.0.display()));
            let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
            load(&Sources { flags: more.chain([database]).collect(), ..Sources::default() }).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_generated_secret_is_the_same_at_the_next_start_and_nobody_else_s_to_read() {
        let folder = Folder::fresh();
        let (mut first, mut second) = (folder.settings(&[]), folder.settings(&[]));
        let origin = settle_ipn_secret(&mut first).unwrap();
        assert_eq!(settle_ipn_secret(&mut second).unwrap(), origin);
        assert_eq!(first.ipn_secrets, second.ipn_secrets);
        assert_eq!(known_ipn_secret(&folder.settings(&[])).unwrap().as_ref(), first.ipn_secrets.first());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.0.join(FILE_NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_configured_secret_leaves_no_file() {
        let folder = Folder::fresh();
        let mut settings = folder.settings(&[("ipn_secret", "configured")]);
        assert_eq!(settle_ipn_secret(&mut settings).unwrap(), IpnSecretOrigin::Configured);
        assert!(!folder.0.exists());
    }

    #[test]
    fn a_generated_secret_is_refused_where_others_can_reach_the_listener() {
        let folder = Folder::fresh();
        settle_ipn_secret(&mut folder.settings(&[])).unwrap();
        let refusal = settle_ipn_secret(&mut folder.settings(&[("listen", "0.0.0.0:8080")])).unwrap_err();
        assert!(refusal.to_string().contains("CRYPTO_ORDERS_IPN_SECRET"), "{refusal}");
    }

    #[test]
    fn an_empty_secret_file_is_never_a_secret() {
        let folder = Folder::fresh();
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join(FILE_NAME), "\n").unwrap();
        let refusal = settle_ipn_secret(&mut folder.settings(&[])).unwrap_err();
        assert!(matches!(refusal, SecretFileError::Damaged(_)), "{refusal}");
    }
}
