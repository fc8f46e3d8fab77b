//! Runs a local cloud in the directory given as the argument until the process is killed, for tests
//! with foreign clients. Prints what a client needs as `export` lines.

use std::io::Write;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .ok_or("usage: serve DIRECTORY [PORT]")?;
    let mut settings = scar_local::Settings::new(directory.into());
    settings.port = std::env::args()
        .nth(2)
        .map(|port| port.parse())
        .transpose()?;
    let region = settings.region.clone();
    let cloud = scar_local::Cloud::open(settings).await?;
    let key = cloud.credentials();
    let mut out = std::io::stdout();
    writeln!(out, "export AWS_ENDPOINT_URL={}", cloud.endpoint())?;
    writeln!(
        out,
        "export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        key.access_key, key.secret_key
    )?;
    writeln!(out, "export AWS_DEFAULT_REGION={region}")?;
    out.flush()?;
    std::future::pending::<()>().await;
    Ok(())
}
