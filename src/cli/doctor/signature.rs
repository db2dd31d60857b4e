//! `doctor signature`: who signed a body, and what; or which byte is not as it was signed.
//!
//! What can have happened to a body is `provider::diagnosis`'s affair. Here the secrets get names, and what was
//! found its words; no secret is shown.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::{Shell, output};
use crate::config::{Secret, Settings, known_ipn_secret};
use crate::provider::BODY_BYTES_MAX;
use crate::provider::canonical::Form;
use crate::provider::diagnosis::difference::Difference;
use crate::provider::diagnosis::{BodyFault, Case, Diagnosis, Key, Mistake, Verdict, diagnose};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders doctor signature --body ipn.json --sig 899429a4…
  pbpaste | crypto-orders doctor signature --body - --sig 899429a4…
  OTHER=… crypto-orders doctor signature --body ipn.json --sig 899429a4… --secret-env OTHER

The body is the request's, byte for byte; the signature is its header x-nowpayments-sig.
It ends with 0 if the server would take the body, else with 1.";

#[derive(Args)]
pub(super) struct Signature {
    /// The file that holds the body, byte for byte; - for stdin
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// The header x-nowpayments-sig
    #[arg(long, value_name = "HEX", allow_hyphen_values = true)]
    sig: String,
    /// Try the secret in this variable too
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

/// A secret with the name it has for the operator.
struct Named {
    name: String,
    secret: Secret,
}

/// The secrets that can have signed.
struct Keyring {
    /// Those that the server verifies by, and after them those that it does not know.
    secrets: Vec<Named>,
    /// How many the server verifies by.
    served: usize,
    api_keys: Vec<Named>,
}

pub(super) fn run(signature: &Signature, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let body = read(&signature.body)?;
    let keyring = Keyring::gather(signature, &shell.settings)?;
    let (secrets, others) = (texts(&keyring.secrets), texts(&keyring.api_keys));
    let case = Case { secrets: &secrets, others: &others, body: &body, header: &signature.sig };
    let diagnosis = diagnose(&case);
    output::line(shell.out, &shown(&diagnosis, &keyring, &body))?;
    if is_taken(&diagnosis, &keyring) {
        return Ok(());
    }
    Err(CliError::Failed("the server refuses this body with this signature".to_owned()))
}

/// The body; more than the server takes is refused before it fills the memory.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |error: io::Error| CliError::Failed(format!("{} cannot be read: {error}", path.display()));
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(failed)?) };
    let mut body = Vec::new();
    let most = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
    source.take(most.saturating_add(1)).read_to_end(&mut body).map_err(failed)?;
    if BODY_BYTES_MAX < body.len() {
        return Err(CliError::Failed(format!(
            "the body has more than {BODY_BYTES_MAX} bytes: the server answers such a body 413, whoever signed it"
        )));
    }
    Ok(body)
}

fn texts(named: &[Named]) -> Vec<&str> {
    named.iter().map(|named| named.secret.reveal()).collect()
}

impl Keyring {
    fn gather(signature: &Signature, settings: &Settings) -> Result<Self, CliError> {
        let named = |name: &str, secret: &Secret| Named { name: name.to_owned(), secret: secret.clone() };
        let variable = ["CRYPTO_ORDERS_IPN_SECRET", "CRYPTO_ORDERS_IPN_SECRET_OLD"];
        let mut secrets: Vec<Named> =
            settings.ipn_secrets.iter().zip(variable).map(|(secret, name)| named(name, secret)).collect();
        if secrets.is_empty() {
            secrets.extend(known_ipn_secret(settings)?.map(|secret| named("the generated IPN secret", &secret)));
        }
        let served = secrets.len();
        if let Some(variable) = &signature.secret_env {
            let text = std::env::var(variable).unwrap_or_default();
            if text.trim().is_empty() {
                return Err(CliError::Usage(format!("--secret-env {variable}: there is no text in this variable")));
            }
            secrets.push(Named { name: format!("the secret in {variable}"), secret: Secret::new(text) });
        }
        if secrets.is_empty() {
            return Err(CliError::Usage(
                "no IPN secret is known here: set CRYPTO_ORDERS_IPN_SECRET as for the server, run this in the folder \
                 where `crypto-orders serve` was started, or name a variable with --secret-env"
                    .to_owned(),
            ));
        }
        let key = |secret| named("an API key of the account", secret);
        Ok(Self { secrets, served, api_keys: settings.nowpayments.api_keys.iter().map(key).collect() })
    }

    fn name(&self, key: Key) -> &str {
        let named = match key {
            Key::Secret(place) => self.secrets.get(place),
            Key::Other(place) => self.api_keys.get(place),
            Key::Empty => return "an empty key, as anybody can",
        };
        named.map(|named| named.name.as_str()).unwrap_or_default()
    }
}

/// True if the server answers 200.
fn is_taken(diagnosis: &Diagnosis, keyring: &Keyring) -> bool {
    let is_known = matches!(diagnosis.verdict, Verdict::Signed { secret, .. } if secret < keyring.served);
    let is_readable = diagnosis.body_faults.iter().all(|fault| *fault == BodyFault::Deep);
    is_known && is_readable && diagnosis.header_fault.is_none()
}

fn shown(diagnosis: &Diagnosis, keyring: &Keyring, body: &[u8]) -> String {
    let mut lines = vec![format!("verdict    {}", verdict(&diagnosis.verdict, keyring))];
    if is_taken(diagnosis, keyring) {
        lines.push("           the server takes it".to_owned());
    }
    lines.extend(diagnosis.header_fault.map(|fault| format!("signature  {fault}")));
    lines.extend(diagnosis.body_faults.iter().map(|fault| format!("body       {fault}")));
    if let Verdict::Mistaken(Mistake { difference: Some(difference), .. }) = &diagnosis.verdict {
        lines.push(format!("\nWhat was signed differs from the body at byte {}:", at(difference)));
        lines.push(side_by_side(difference, "signed"));
    }
    lines.push(format!("\n{}: the body as it came, {} bytes", Form::Raw.as_str(), body.len()));
    for alike in diagnosis.forms.chunk_by(|one, next| one.difference == next.difference) {
        let names = alike.iter().map(|written| written.form.as_str()).collect::<Vec<_>>().join(", ");
        match alike.first().and_then(|written| written.difference.as_ref()) {
            None => lines.push(format!("{names}: the same as the body")),
            Some(difference) => {
                lines.push(format!("{names}: differs from the body at byte {}:", at(difference)));
                lines.push(side_by_side(difference, "form"));
            }
        }
    }
    if diagnosis.forms.is_empty() {
        lines.push("no other form: only JSON that is not too deep has one".to_owned());
    }
    lines.join("\n")
}

fn verdict(verdict: &Verdict, keyring: &Keyring) -> String {
    match verdict {
        Verdict::Signed { form, secret } => {
            let name = keyring.name(Key::Secret(*secret));
            let known = if *secret < keyring.served { "" } else { ", which the server does not have" };
            let warning = match form {
                Form::Raw => "",
                _ => "\n           not the bytes themselves: something on the way writes bodies anew",
            };
            format!("signed with {name}{known}, in the form `{}`{warning}", form.as_str())
        }
        Verdict::Mistaken(mistake) => {
            let name = keyring.name(mistake.key);
            let key = mistake.key_form.oddity().map(|oddity| format!(" {oddity}")).unwrap_or_default();
            format!("signed with {name}{key}\n           over {}", mistake.text)
        }
        Verdict::NoSignature => "not looked for: there is no signature".to_owned(),
        Verdict::Unmatched => {
            let tried = match keyring.secrets.len() {
                1 => "the secret matches no form".to_owned(),
                secrets => format!("none of {secrets} secrets matches any form"),
            };
            format!(
                "signed with another secret, or over another body: {tried}\n           \
                 compare the secret with the provider's dashboard; if it is the same, the body was changed on its way"
            )
        }
    }
}

fn at(difference: &Difference) -> String {
    format!("{} (counted from 0)", difference.at)
}

/// Both texts around the byte, one above the other, and a mark below it.
fn side_by_side(difference: &Difference, other: &str) -> String {
    let Difference { before, body, other: theirs, .. } = difference;
    let mark = " ".repeat(before.chars().count());
    format!("    {:<6}  {before}{body}\n    {other:<6}  {before}{theirs}\n    {:<6}  {mark}^", "body", "")
}
