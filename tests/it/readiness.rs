//! `/readyz` asks the writer, the loader and the readers that orders use, and costs next to nothing.

use futures_util::future::join_all;
use reqwest::Method;

use crate::engines::Engine;
use crate::harness::TestApp;
use crate::harness::door::eventually;
use crate::harness::process::Installed;
use crate::harness::sql::run;
use crate::postgres::Cluster;

on_both_engines![however_many_ask_the_database_is_written_now_and_then];

async fn however_many_ask_the_database_is_written_now_and_then(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let url = app.database.url.clone();
    let count = match engine {
        Engine::Sqlite => {
            "create table probes (n bigint); \
             create trigger count_insert after insert on write_probe begin insert into probes values (1); end; \
             create trigger count_update after update on write_probe begin insert into probes values (1); end"
        }
        Engine::Postgres(_) => {
            "create table probes (n bigint); \
             create function count_probe() returns trigger language plpgsql as $$ begin \
             insert into probes values (1); return new; end $$; \
             create trigger count_probe after insert or update on write_probe for each row execute function count_probe()"
        }
    };
    run(engine, &url, count).expect("triggers");
    let looks = join_all((0..100).map(|_| app.send(app.request(Method::GET, "/readyz")))).await;
    assert!(looks.iter().all(|answer| answer.code() == 200), "{looks:?}");
    let written: usize = app.database.sql("select count(*) from probes").parse().expect("a number");
    assert!((1..20).contains(&written), "100 looks wrote {written} times");
}

/// The connection of the server's writer: the last that it did was the probe's write.
async fn writers_backend(cluster: &Cluster, installed: &Installed) -> String {
    let found = "select pid from pg_stat_activity where datname = current_database() and usename = 'shop' \
                 and query like '%write_probe%'";
    eventually("the writer's connection", async || {
        installed.door.until("/readyz", 200).await;
        cluster.sql(&installed.database.url, found).lines().next().map(str::to_owned)
    })
    .await
}

#[test]
fn a_writer_that_is_cut_off_is_not_ready_though_the_readers_are_well() {
    let Some(cluster) = Cluster::shared() else { return };
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Postgres(cluster)).await;
        let url = installed.database.url.as_str();
        // Limits do not hold for a superuser.
        cluster.sql(
            url,
            "create role shop login; grant all on schema public to shop; grant all on all tables in schema public to shop; \
             grant all on all sequences in schema public to shop",
        );
        let mut command = installed.command();
        command.env("DATABASE_URL", url.replace("postgres://postgres@", "postgres://shop@"));
        let server = installed.run(command).await;
        let door = &installed.door;
        door.until("/readyz", 200).await;
        let taken = door.checkout("before").await.expect("an answer");
        assert_eq!(taken.code(), 201, "{}", taken.text);

        let writer = writers_backend(cluster, &installed).await;
        cluster.sql(url, "alter role shop connection limit 1");
        cluster.sql(url, &format!("select pg_terminate_backend({writer})"));
        let refused = door.checkout("during").await.expect("an answer");
        refused.problem(503, "feature-unavailable");
        for _ in 0..3 {
            door.until("/readyz", 503).await;
        }
        // What readers do goes on.
        assert_eq!(door.get("/v1/billing/crypto-orders").await.expect("an answer").code(), 200);

        cluster.sql(url, "alter role shop connection limit -1");
        door.until("/readyz", 200).await;
        let taken = door.checkout("during").await.expect("an answer");
        assert_eq!(taken.code(), 201, "{}", taken.text);
        let log = server.log();
        let lines = |text: &str| log.matches(text).count();
        assert_eq!(lines("this node cannot take orders"), 1, "{log}");
        assert_eq!(lines("this node takes orders again"), 1, "{log}");
        drop(server);
        cluster.sql(url, "drop owned by shop; drop role shop");
    });
}
