/**
 * The tables, and what keeps them append-only.
 *
 * The heads of the chains are a table of their own: a batch moves the head of its instance, and only from the record before
 * it. That is what refuses gaps and forks, also where partitions would allow the same sequence number twice.
 */
import { Migrator, SqlClient } from "@effect/sql"
import { Effect, Schedule } from "effect"
import type { AuditStoreError } from "../../AuditStore.js"
import * as Failure from "./Failure.js"

const table = "audit_migrations"

export const run: Effect.Effect<void, AuditStoreError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  yield* Migrator.make({})({ loader: Migrator.fromRecord({ "0001_audit_trail": first }), table }).pipe(
    Effect.provideService(SqlClient.SqlClient, sql),
    Effect.catchAllDefect(Effect.fail),
    // Where another program is at it, the migrator does nothing, and does not wait.
    Effect.zipRight(sql`SELECT 1 FROM audit_records LIMIT 1`),
    // Where several programs start at once, one of them makes the table of migrations, and the others fail.
    Effect.retry({ times: 6, schedule: Schedule.jittered(Schedule.exponential("50 millis")) }),
    Effect.mapError((error) => Failure.toStoreError(Failure.nameOf(sql), error))
  )
})

const all = (statements: ReadonlyArray<string>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
  )

const first = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  sql.onDialectOrElse({
    pg: () =>
      Effect.flatMap(sql<{ readonly schema: string }>`SELECT quote_ident(current_schema()) AS schema`, ([found]) =>
        all(postgres(found?.schema ?? "public"))
      ),
    sqlite: () => all(sqlite),
    orElse: () => Effect.dieMessage("The audit store needs PostgreSQL or SQLite")
  })
)

/**
 * The words of a message. Without its signs, or an address would be one word; and no more than the beginning of a long one, because
 * PostgreSQL refuses what has more than a megabyte of words.
 */
const wordsOfMessage = String.raw`to_tsvector('simple', translate(left(message, 10000), '!"#$%&''()*+,-./:;<=>?@[\]^_{|}~' || chr(96), repeat(' ', 32)))`

/** What queries name has an index, in the order of the answer. Of levels, those that are rare. */
const indexes = [
  `CREATE INDEX audit_records_date ON audit_records (date, instance, seq)`,
  `CREATE INDEX audit_records_type ON audit_records (type, date, instance, seq)`,
  ...["user_name", "ip", "request_id"].map(
    (column) =>
      `CREATE INDEX audit_records_${column} ON audit_records (${column}, date, instance, seq) WHERE ${column} IS NOT NULL`
  ),
  `CREATE INDEX audit_records_severe ON audit_records (date, instance, seq) WHERE level >= 3`
]

/**
 * Functions that run with the rights of their owner see nothing but the schema of the tables: a caller's temporary table, which
 * PostgreSQL would look at first, could bring triggers of its own.
 */
const postgres = (schema: string) => [
  `CREATE TABLE audit_instances (
    instance text COLLATE "C" PRIMARY KEY,
    from_seq bigint NOT NULL,
    from_hash text NOT NULL,
    seq bigint NOT NULL,
    hash text NOT NULL
  )`,
  `CREATE TABLE audit_records (
    instance text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    date timestamptz(3) NOT NULL,
    level smallint NOT NULL,
    type text COLLATE "C" NOT NULL,
    user_name text COLLATE "C",
    ip text COLLATE "C",
    request_id text COLLATE "C",
    message text NOT NULL,
    line text NOT NULL,
    -- Stored, because it would be made again for each record that a search passes by.
    words tsvector NOT NULL GENERATED ALWAYS AS (${wordsOfMessage}) STORED,
    PRIMARY KEY (instance, seq, date)
  ) PARTITION BY RANGE (date)`,
  ...indexes,
  `CREATE INDEX audit_records_words ON audit_records USING gin (words)`,

  `CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'The audit trail is append-only: % of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END $$`,
  `CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_records FOR EACH ROW EXECUTE FUNCTION audit_refuse()`,
  `CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_records EXECUTE FUNCTION audit_refuse()`,
  `CREATE TRIGGER append_only BEFORE DELETE ON audit_instances FOR EACH ROW EXECUTE FUNCTION audit_refuse()`,
  `CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_instances EXECUTE FUNCTION audit_refuse()`,
  `CREATE TRIGGER forwards_only BEFORE UPDATE ON audit_instances FOR EACH ROW
    WHEN (NEW.instance <> OLD.instance OR NEW.seq <= OLD.seq) EXECUTE FUNCTION audit_refuse()`,

  // Attached, and not created as a partition: that would wait for everyone who reads, and hold up everyone who comes then.
  `CREATE FUNCTION audit_partition(month timestamp) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${schema}, pg_temp AS $$
  DECLARE
    name text := 'audit_records_' || to_char(month, 'YYYY_MM');
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_partition'));
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE %I (LIKE audit_records INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED)', name);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION audit_refuse()', name);
    EXECUTE format('ALTER TABLE audit_records ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
      name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
  END $$`,

  // Heads are locked in the order of their names, so that two batches of several instances do not wait for each other.
  `CREATE FUNCTION audit_append(
    chains text[], first_seqs bigint[], prevs text[], last_seqs bigint[], hashes text[],
    instances text[], seqs bigint[], dates timestamptz[], levels smallint[], types text[], user_names text[], ips text[],
    request_ids text[], messages text[], lines text[]
  ) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${schema}, pg_temp AS $$
  DECLARE
    month timestamp;
    moved text[];
  BEGIN
    -- Whoever may call this may append, and nothing else: what is stored is what the heads say.
    IF EXISTS (
      SELECT FROM (
        SELECT instance, min(seq) AS low, max(seq) AS high, count(*) AS number, count(DISTINCT seq) AS places
        FROM unnest(instances, seqs) AS given (instance, seq) GROUP BY instance
      ) AS stored FULL JOIN unnest(chains, first_seqs, last_seqs) AS chain (instance, first_seq, last_seq) USING (instance)
      WHERE low IS DISTINCT FROM first_seq OR high IS DISTINCT FROM last_seq OR first_seq < 1
        OR number IS DISTINCT FROM last_seq - first_seq + 1 OR places IS DISTINCT FROM number
    ) OR EXISTS (SELECT FROM unnest(dates) AS given WHERE given < '1970-01-01Z' OR given >= '10000-01-01Z') THEN
      RAISE EXCEPTION 'The records are not those of the chains' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR month IN SELECT DISTINCT date_trunc('month', given AT TIME ZONE 'UTC') FROM unnest(dates) AS given LOOP
      IF to_regclass('audit_records_' || to_char(month, 'YYYY_MM')) IS NULL THEN PERFORM audit_partition(month); END IF;
    END LOOP;
    WITH chain AS (
      SELECT * FROM unnest(chains, first_seqs, prevs, last_seqs, hashes) AS given (instance, first_seq, prev, last_seq, hash)
    ), head AS (
      INSERT INTO audit_instances AS known (instance, from_seq, from_hash, seq, hash)
      SELECT instance, first_seq - 1, prev, last_seq, hash FROM chain
      WHERE (first_seq = 1 AND prev = repeat('0', 64)) OR instance IN (SELECT instance FROM audit_instances)
      ORDER BY instance
      ON CONFLICT (instance) DO UPDATE
        SET from_seq = excluded.from_seq, from_hash = excluded.from_hash, seq = excluded.seq, hash = excluded.hash
        WHERE known.seq = excluded.from_seq AND known.hash = excluded.from_hash
      RETURNING instance
    ), stored AS (
      INSERT INTO audit_records (instance, seq, date, level, type, user_name, ip, request_id, message, line)
      SELECT given.* FROM unnest(instances, seqs, dates, levels, types, user_names, ips, request_ids, messages, lines)
        AS given (instance, seq, date, level, type, user_name, ip, request_id, message, line)
      WHERE given.instance IN (SELECT instance FROM head)
    )
    SELECT coalesce(array_agg(instance), '{}') FROM head INTO moved;
    RETURN moved;
  END $$`,
  `REVOKE ALL ON FUNCTION audit_partition, audit_append, audit_refuse FROM PUBLIC`
]

const sqlite = [
  `CREATE TABLE audit_instances (
    instance TEXT PRIMARY KEY NOT NULL,
    from_seq INTEGER NOT NULL,
    from_hash TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE audit_records (
    id INTEGER PRIMARY KEY,
    instance TEXT NOT NULL,
    seq INTEGER NOT NULL,
    date TEXT NOT NULL,
    level INTEGER NOT NULL,
    type TEXT NOT NULL,
    user_name TEXT,
    ip TEXT,
    request_id TEXT,
    message TEXT NOT NULL,
    line TEXT NOT NULL,
    UNIQUE (instance, seq)
  )`,
  ...indexes,
  `CREATE VIRTUAL TABLE audit_texts USING fts5(
    message, content = 'audit_records', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0'
  )`,
  `CREATE TRIGGER audit_records_text AFTER INSERT ON audit_records BEGIN
    INSERT INTO audit_texts (rowid, message) VALUES (NEW.id, substr(NEW.message, 1, 10000));
  END`,
  // REPLACE would delete without a trigger being asked.
  `CREATE TRIGGER audit_records_no_replace BEFORE INSERT ON audit_records
    WHEN EXISTS (SELECT 1 FROM audit_records WHERE (instance = NEW.instance AND seq = NEW.seq) OR id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'The audit trail is append-only: REPLACE of audit_records is refused');
  END`,
  ...["UPDATE", "DELETE"].map(
    (
      operation
    ) => `CREATE TRIGGER audit_records_no_${operation.toLowerCase()} BEFORE ${operation} ON audit_records BEGIN
      SELECT RAISE(ABORT, 'The audit trail is append-only: ${operation} of audit_records is refused');
    END`
  ),
  `CREATE TRIGGER audit_instances_no_delete BEFORE DELETE ON audit_instances BEGIN
    SELECT RAISE(ABORT, 'The audit trail is append-only: DELETE of audit_instances is refused');
  END`,
  `CREATE TRIGGER audit_instances_forwards BEFORE UPDATE ON audit_instances
    WHEN NEW.instance <> OLD.instance OR NEW.seq <= OLD.seq BEGIN
    SELECT RAISE(ABORT, 'The audit trail is append-only: UPDATE of audit_instances is refused');
  END`
]
